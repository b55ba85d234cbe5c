"""Reports: drafted, released, signed, added to, corrected. What was released is never changed."""

from .amending import add_addendum, correct
from .common_reports import cover, split_moved_exams, split_off
from .drafting import CRITICAL, MOST_CHARACTERS, save_draft
from .handovers import decide_handover, undecided_handover
from .retracting import retract
from .signing import sign, sign_preliminary
from .supervision import acknowledge_notice, return_report
from .unsent_texts import put_text_aside, save_text
from .versions import broken_version

__all__ = [
    "CRITICAL",
    "MOST_CHARACTERS",
    "acknowledge_notice",
    "add_addendum",
    "broken_version",
    "correct",
    "cover",
    "decide_handover",
    "put_text_aside",
    "retract",
    "return_report",
    "save_draft",
    "save_text",
    "sign",
    "sign_preliminary",
    "split_moved_exams",
    "split_off",
    "undecided_handover",
]
