"""One person acts for another: for named duties, from–until, revoked at any time, and named with all that is done.

While somebody acts for another, only those duties count, at the sites and with the permissions that the other has at
that moment; their own wait. Signing, reading, set-up and audit are nobody's to give, and nothing is given on.
"""
