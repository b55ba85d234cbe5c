"""Help with writing: templates (MRRT), macros, merge fields, and values kept beside the text."""
