"""The audit trail for a hospital's collector: DICOM audit messages (PS3.15 A.5) by syslog over TLS (IHE ITI-20)."""
