"""Sites, devices and catalog of the demo hospital; fills an empty database with them and the staff."""

from __future__ import annotations

import csv
import os
from datetime import datetime
from pathlib import Path

from django.db import transaction

from ris.catalog.models import Device, Procedure, Site, Subspecialty

from .staff import hire_staff

PROCEDURES = Path(__file__).with_name("procedures.csv")

SITES = [
    {
        "code": "north",
        "name": "Northfield General (demo)",
        "time_zone": "America/Chicago",
        "accession_prefix": "N",
        "assigning_authority": "NORTH",
    },
    {
        "code": "south",
        "name": "Southgate Clinic (demo)",
        "time_zone": "America/New_York",
        "accession_prefix": "S",
        "assigning_authority": "SOUTH",
    },
]

DEVICES = [  # AE title, modality, site, station name, room
    ("CT1", "CT", "north", "NORTH CT 1", "CT suite 1"),
    ("CT2", "CT", "south", "SOUTH CT 2", "CT suite"),
    ("MR1", "MR", "north", "NORTH MR 1", "MR suite"),
    ("US1", "US", "north", "NORTH US 1", "Ultrasound 1"),
    ("XR1", "DX", "north", "NORTH XR 1", "X-ray 1"),
    ("MG1", "MG", "south", "SOUTH MG 1", "Mammography"),
]

SUBSPECIALTIES = {
    "neuro": "Neuroradiology",
    "chest": "Cardiothoracic",
    "body": "Abdominal",
    "msk": "Musculoskeletal",
    "breast": "Breast",
    "vascular": "Vascular",
    "general": "General",
}


def seed_hospital(passwords_file: Path, *, at: datetime) -> dict[str, str]:
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


def build_hospital() -> list[Site]:
    """Write sites, devices, subspecialties and catalog; what is there already stays. Returns the sites."""
    sites = {row["code"]: Site.objects.get_or_create(code=row["code"], defaults=row)[0] for row in SITES}
    for ae_title, modality, site, name, room in DEVICES:
        fields = {"modality": modality, "site": sites[site], "name": name, "room": room}
        Device.objects.get_or_create(ae_title=ae_title, defaults=fields)
    for code, name in SUBSPECIALTIES.items():
        Subspecialty.objects.get_or_create(code=code, defaults={"name": name})
    import_catalog(PROCEDURES)
    return list(sites.values())


def import_catalog(file: Path) -> int:
    """Add the procedures of a CSV file whose header names the catalog's columns; return how many are new."""
    subspecialties = {row.code: row for row in Subspecialty.objects.all()}
    known = set(Procedure.objects.values_list("code", flat=True))
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["code"] not in known]
    Procedure.objects.bulk_create(
        Procedure(**(row | {"subspecialty": subspecialties[row["subspecialty"]]})) for row in rows
    )
    return len(rows)
