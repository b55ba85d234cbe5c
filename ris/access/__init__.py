"""Which patients are closed to whom, and how the glass is broken.

``visibility``: the one rule, as a condition that selectors put on their rows. ``services``: emergency access (opened,
ended, judged) and what links a person of the house to their own patient record. ``selectors``: what is open now.
A patient is closed to a viewer when they are confidential and the viewer has no tie to them, or when an access rule of
the viewer's roles (``ris.people.models.AccessRule``) wants a tie that is not there.
"""
