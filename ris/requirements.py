"""What to say when a module that the product needs is not installed.

Imports nothing but the standard library, so that it can speak whatever is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

OURS = frozenset({"ris", "worklist", "reporting", "interfaces"})
PINNED = Path(__file__).resolve().parent.parent / "requirements.txt"


def say_missing(error: ModuleNotFoundError) -> str:
    """One line: which module is missing, and the cure. Empty when the module is one of the product's own."""
    name = error.name or ""
    if not name or name.split(".")[0] in OURS:
        return ""
    cure = f"{sys.executable} -m pip install --require-hashes -r {PINNED}"
    return f"the module “{name}” is not installed. Cure: {cure}"
