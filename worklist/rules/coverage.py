"""Who covers what at a moment, among those who are on shift."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .eligibility import ON_CALL, Needs, ReaderNow, ruled_out
from .lanes import POOL, PRIMARY, SECONDARY


def coverage_gap(readers: Iterable[ReaderNow], site: int, pool: int, modality: str) -> int:
    """PRIMARY when somebody with the primary skill is there; else how far it must reach to find anybody."""
    levels = {
        skill.level
        for reader in readers
        if reader.present
        and site in reader.sites - reader.unlicensed
        and (reader.shift_sites is None or site in reader.shift_sites)
        and (reader.shift_pools is None or pool in reader.shift_pools)
        for skill in reader.skills
        if skill.pool == pool and (not skill.modalities or modality in skill.modalities)
    }
    return PRIMARY if 1 in levels else SECONDARY if 2 in levels else POOL


def needs_given_coverage(needs: Needs, readers: Iterable[ReaderNow]) -> Needs:
    """The needs, with what depends on who is there: those on call are spared what somebody in-house covers.

    Somebody who only holds as many cases as allowed at this moment covers it.
    """
    covering = (reader for reader in readers if reader.kind != ON_CALL)
    return replace(needs, in_house=any(set(ruled_out(reader, needs)) <= {"full"} for reader in covering))
