"""Reports: drafted, released, signed, added to, corrected. What was released is never changed."""

from .amending import add_addendum, correct
from .drafting import CRITICAL, MOST_CHARACTERS, save_draft
from .handovers import decide_handover, undecided_handover
from .retracting import retract
from .signing import broken_version, sign, sign_preliminary
from .unsent_texts import put_text_aside, save_text

__all__ = [
    "CRITICAL",
    "MOST_CHARACTERS",
    "add_addendum",
    "broken_version",
    "correct",
    "decide_handover",
    "put_text_aside",
    "retract",
    "save_draft",
    "save_text",
    "sign",
    "sign_preliminary",
    "undecided_handover",
]
