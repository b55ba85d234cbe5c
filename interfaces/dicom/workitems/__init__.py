"""Workitems: the unified worklist (UPS, PS3.4 annex CC) over HTTP (UPS-RS, PS3.18 chapter 11).

A workitem is a row with a DICOM JSON dataset. Who claims it locks it by a Transaction UID. Algorithms are given
workitems by rules (``orchestration``) when an exam completes; their results complete them.
"""
