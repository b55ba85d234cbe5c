"""What came as ORU^R01: ``result_handler`` decides what each OBR is (its role), and ``ownership`` whose it is.

``findings`` reads what an algorithm found, ``texts`` a dictated report or another's report (text, PDF, CDA, RTF).
``early_results`` attaches them to the case, or keeps them until it opens.
"""
