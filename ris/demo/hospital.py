"""Sites, devices, subspecialties and the catalog of the demo hospital."""

from __future__ import annotations

import csv
from pathlib import Path

from ris.catalog.models import Device, Procedure, Site, Subspecialty

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
