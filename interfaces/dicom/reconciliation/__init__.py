"""Exams and images that missed their orders, and how a person brings them together (IHE Patient Information
Reconciliation).

``patient_check`` says whether a device or an archive speaks of the patient whose order it names; ``selectors`` lists
what needs a person; ``pages`` and ``api`` show it; ``services`` links, orders after the fact and ends by hand.
"""
