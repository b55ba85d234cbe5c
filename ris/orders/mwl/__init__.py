"""The modality worklist (PS3.4 Annex K) as SQL: a question becomes conditions, the answer is rows.

``question`` says what may be asked, ``clauses`` turns it into conditions (``sql`` has their pieces), ``query`` has the
one statement, its columns and joins, ``rows`` reads a row.
"""
