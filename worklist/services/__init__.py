"""Named promises of the worklist."""

from .assign import suggest
from .claims import (
    claim,
    expire_leases,
    extend_lease,
    finish,
    park,
    release,
    resume,
    skip,
    take_over,
    to_signer,
)
from .items import cancel_item, open_item, reprice
from .next_case import next_case
from .places import score_terms, turn_due

__all__ = [
    "cancel_item",
    "claim",
    "expire_leases",
    "extend_lease",
    "finish",
    "next_case",
    "open_item",
    "park",
    "release",
    "reprice",
    "resume",
    "score_terms",
    "skip",
    "suggest",
    "take_over",
    "to_signer",
    "turn_due",
]
