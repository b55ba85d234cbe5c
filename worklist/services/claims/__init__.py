"""Who holds a case. ``claim`` takes, gives back and finishes; ``leases`` ends claims without a sign of life.

``offers`` asks one reader at a time for the most urgent cases, ``deferral`` parks and declines, ``handover`` moves many
cases at once, ``linked_exams`` claims what belongs to a claimed case. Each change of hands is one guarded UPDATE, so of
several who try at once one gets the case and the others Conflict.
"""
