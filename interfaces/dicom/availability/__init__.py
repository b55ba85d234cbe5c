"""Images arrive in archives, and are noticed by notification, callback or poll.

The way of one notice: ``ian_scp`` (Instance Availability Notification, IHE RAD-49), ``webhook`` (a stable-study
callback) or ``polling`` (C-FIND, QIDO-RS) → ``arrivals`` compares the patient, says whether the study is whole and
writes it down (``ris.orders.services.note_images``) → ``by_images`` completes exams of devices that send no MPPS.
"""
