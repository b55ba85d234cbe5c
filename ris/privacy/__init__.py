"""What privacy officers do: search the audit trail, tell a patient who looked at their data, judge emergency accesses
(and everybody's page to ask for one), see look-ups of staff by staff, keep patients confidential."""
