"""Who holds a case. ``claim`` takes it, with its linked exams; ``leases`` keeps a claim up and ends it (lease run out,
released, preliminary or final report).

``deferral`` parks and declines, ``handover`` moves many cases at once. Each change of hands is one guarded UPDATE, so
of several who try at once one gets the case and the others Conflict.
"""
