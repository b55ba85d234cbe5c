"""Values beside the text: what a released version states in fields, with its place, and decisions about AI findings."""
