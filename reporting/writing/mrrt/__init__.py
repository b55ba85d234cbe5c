"""MRRT files (IHE Management of Radiology Report Templates), read and written."""
