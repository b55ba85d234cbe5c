"""What came as ORU^R01: ``roles`` decides what each OBR is, ``ownership`` whose it is; ``result_handler`` applies it.

``findings`` reads what an algorithm found, ``texts`` a dictated report or another's report (text, PDF, CDA, RTF).
``early_results`` attaches them to the case, or keeps them until it opens.
"""
