"""Critical findings: limits, who is told and when, acknowledgement, records of communication, open loops."""
