"""Modality Performed Procedure Step (PS3.4 F.7; IHE RAD-6, RAD-7): what scanners say they do.

The way of one N-CREATE: ``upper_layer`` hands it to ``scp``, which answers what the standard refuses → ``dataset`` and
``dose`` read it into plain values → ``services`` matches the steps that it names (``ris.orders.selectors_performed``),
compares the patient (``reconciliation.patient_check``), starts the exam (``ris.orders.services``) and keeps the dataset
and what is owed to further PPS managers → ``forwarding`` sends that.
"""
