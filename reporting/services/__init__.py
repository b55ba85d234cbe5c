"""Reports: drafted, released, signed, added to, corrected. What was released is never changed."""

from .amending import add_addendum, correct
from .drafting import CRITICAL, MOST_CHARACTERS, save_draft
from .signing import broken_version, sign, sign_preliminary

__all__ = [
    "CRITICAL",
    "MOST_CHARACTERS",
    "add_addendum",
    "broken_version",
    "correct",
    "save_draft",
    "sign",
    "sign_preliminary",
]
