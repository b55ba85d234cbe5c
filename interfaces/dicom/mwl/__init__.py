"""Modality Worklist (PS3.4 Annex K): reading the query, asking the domain, writing the answer."""
