"""Modality Worklist SCP (PS3.4 Annex K).

``identifier`` reads the query, ``query`` narrows it to the caller and asks ``ris.orders.mwl``, ``encoding`` writes each
entry from the tables of ``attributes``, ``query_log`` keeps what was asked.
"""
