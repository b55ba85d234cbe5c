"""What privacy officers do with the audit trail: search it, and tell a patient who looked at their data."""
