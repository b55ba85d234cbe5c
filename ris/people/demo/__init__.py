"""What the demo alone shows: roles to choose on the log-in page, and a tour for each."""
