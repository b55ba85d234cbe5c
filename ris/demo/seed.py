"""Fills an empty database with the demo hospital."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from django.db import transaction

from .hospital import build_hospital
from .staff import hire_staff


def seed(passwords_file: Path, *, at: datetime) -> dict[str, str]:
    """Build the hospital and hire its staff; what is there already stays.

    Returns the passwords of the users made now, and adds them to ``passwords_file``, which only its owner
    may read.
    """
    with transaction.atomic():
        passwords = hire_staff(build_hospital(), at=at)
    if passwords:
        descriptor = os.open(passwords_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.writelines(f"{name} {password}\n" for name, password in passwords.items())
    return passwords
