"""Prefetch of priors: found in archives and moved before they are read (IHE PDI, C-FIND and C-MOVE as SCU).

``planning`` says for which procedure an archive is searched and when, ``worker`` searches and moves what is due,
``study_description`` turns an archive's words into regions, ``selectors`` show the progress.
"""
