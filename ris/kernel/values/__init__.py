"""Values from outside and values that this system issues: numbers, moments, short texts, identifiers.

What comes from outside (query strings, forms, HL7 fields, commands) is read here, so that a text that is no number is a
refusal with the field's name and not an error of ours.
"""
