"""Peer learning and peer review of reports: privileged, blinded both ways, never in a patient's record; rates."""
