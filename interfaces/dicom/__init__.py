"""DICOM: the worklist and MPPS for scanners, archives asked and told, reports stored.

Rooms: ``upper_layer`` (associations and messages as SCP), ``mwl`` (worklist), ``mpps`` (what scanners do),
``availability`` (images arrive), ``reconciliation`` (exams without order, by hand), ``scu`` (calls to others),
``prefetch`` (priors), ``reports`` (SR and PDF to archives), ``encoding`` (character sets, log privacy), ``models``.

A worklist query: ``upper_layer`` → ``mwl.query`` → ``ris.orders.mwl.query`` → ``mwl.encoding`` → ``upper_layer``.
An MPPS: ``upper_layer.n_services`` → ``mpps.scp`` → ``ris.orders.services``. A report: ``subscribers`` →
``reports.services`` writes what is owed → ``tasks`` → ``reports.sender``.
"""
