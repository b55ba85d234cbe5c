"""Identifiers that this system issues.

Numbers are made from primary keys, which a database never hands out twice; UIDs from random UUIDs.
"""

from __future__ import annotations

import uuid


def new_uid() -> str:
    """A DICOM UID made from a random UUID, at most 44 characters (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"
