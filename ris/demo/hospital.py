"""The demo hospital: sites, devices, catalog, users of each role, readers on shifts around the clock."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from pathlib import Path

from django.db import transaction

from ris.audit.services import Actor
from ris.catalog.models import Device, Procedure, Site, Subspecialty
from ris.people.models import User
from ris.people.roles import Role
from ris.people.services import grant
from ris.scheduling.models import Block, OpeningHours
from worklist.models import ReaderProfile, Shift, Skill

from .exams import PROCEDURES

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

PREPARATION = {
    "MR": "Leave metal, cards and hearing aids at home. Tell us beforehand of a pacemaker or any implant.",
    "CT": "Drink enough the day before. With contrast: do not eat for four hours before, and bring kidney values.",
    "US": "For the abdomen: do not eat in the six hours before.",
    "MG": "Do not use deodorant or powder on the day. Bring earlier mammograms.",
}
"""Modality and what its patients do before: on the appointment sheet."""

SUBSPECIALTIES = {
    "neuro": "Neuroradiology",
    "chest": "Cardiothoracic",
    "body": "Abdominal",
    "msk": "Musculoskeletal",
    "breast": "Breast",
    "vascular": "Vascular",
    "general": "General",
}

ZONE = "America/Chicago"
# They overlap, so that hand-overs can be seen; EVENING and NIGHT end on the next day.
DAY, EVENING, NIGHT, ALWAYS = (time(7), time(17)), (time(15), time(1)), (time(22), time(8)), (time(0), time(0))

STAFF = [  # user name, given, family, role
    ("scheduler", "Sam", "Demo-Scheduler", Role.SCHEDULER),
    ("tech", "Toni", "Demo-Tech", Role.TECHNOLOGIST),
    ("analyst", "Ana", "Demo-Analyst", Role.ANALYST),
    ("admin", "Ada", "Demo-Admin", Role.ADMINISTRATOR),
    ("privacy", "Paula", "Demo-Privacy", Role.PRIVACY_OFFICER),
    ("referrer", "Rita", "Demo-Referrer", Role.REFERRER),
]

READERS = [  # user name, given, family, role, primary skills, hours, years
    ("radiologist", "Robin", "Demo-Reader", Role.RADIOLOGIST, "all", ALWAYS, 12),
    ("resident", "Remy", "Demo-Resident", Role.RESIDENT, "all", ALWAYS, 0),
    ("lead", "Lee", "Demo-Lead", Role.LEAD, "all", ALWAYS, 20),
    ("neuro1", "Nora", "Demo-Neuro", Role.RADIOLOGIST, "neuro", DAY, 9),
    ("neuro2", "Nils", "Demo-Neuro", Role.RADIOLOGIST, "neuro", EVENING, 4),
    ("chest1", "Cleo", "Demo-Chest", Role.RADIOLOGIST, "chest general", DAY, 15),
    ("chest2", "Carl", "Demo-Chest", Role.RADIOLOGIST, "chest general", EVENING, 6),
    ("body1", "Bea", "Demo-Body", Role.RADIOLOGIST, "body vascular", DAY, 11),
    ("body2", "Bo", "Demo-Body", Role.RADIOLOGIST, "body vascular", EVENING, 3),
    ("msk1", "Mia", "Demo-Msk", Role.RADIOLOGIST, "msk", DAY, 8),
    ("msk2", "Max", "Demo-Msk", Role.RADIOLOGIST, "msk general", EVENING, 2),
    ("breast1", "Bibi", "Demo-Breast", Role.RADIOLOGIST, "breast", DAY, 18),
    ("night1", "Nick", "Demo-Night", Role.RADIOLOGIST, "neuro body chest general", NIGHT, 5),
    ("night2", "Nell", "Demo-Night", Role.RADIOLOGIST, "msk vascular general", NIGHT, 7),
    ("general1", "Gus", "Demo-General", Role.RADIOLOGIST, "general chest", DAY, 25),
]


def seed_hospital(passwords_file: Path, *, at: datetime) -> dict[str, str]:
    """Build the hospital and hire its staff; what is there already stays.

    Returns the passwords of the users made now, and adds them to ``passwords_file``, which only its owner
    may read.
    """
    with transaction.atomic():
        passwords = hire_staff(build_hospital(), at=at)
    if passwords:
        # The mode is given at the opening: a chmod afterwards leaves a moment in which others could read.
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
    _open_rooms()
    return list(sites.values())


def _open_rooms() -> None:
    """CT and X-ray are open day and night; the others on weekdays, with an hour of each morning for urgent exams."""
    for device in Device.objects.filter(modality__in=["MR", "US", "MG"]):
        if OpeningHours.objects.filter(device=device).exists():
            continue
        for weekday in range(5):
            OpeningHours.objects.create(device=device, weekday=weekday, opens=time(7), closes=time(18))
        if device.modality == "MR":
            for weekday in range(5):
                Block.objects.create(
                    device=device, weekday=weekday, opens=time(10), closes=time(11), name="urgent exams",
                    release_hours=24,
                )  # fmt: skip
    for modality, text in PREPARATION.items():
        Procedure.objects.filter(modality=modality, preparation="").update(preparation=text)


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


def hire_staff(sites: Sequence[Site], *, at: datetime) -> dict[str, str]:
    """Make the users that are not there yet; return the new ones' random passwords by user name."""
    passwords: dict[str, str] = {}
    for name, given, family, role in STAFF:
        _hire(name, given, family, role, sites, passwords, at)
    for name, given, family, role, skills, hours, years in READERS:
        user = _hire(name, given, family, role, sites, passwords, at)
        if user is not None:
            _put_on_shift(user, skills, hours, years, at.date())
    return passwords


def _hire(
    name: str, given: str, family: str, role: Role, sites: Iterable[Site], passwords: dict[str, str], at: datetime
) -> User | None:
    if User.objects.filter(username=name).exists():
        return None
    passwords[name] = secrets.token_urlsafe(9)
    title = "MD" if role in (Role.RADIOLOGIST, Role.LEAD, Role.RESIDENT, Role.REFERRER) else ""
    user = User.objects.create_user(
        name, password=passwords[name], first_name=given, last_name=family, title=title, time_zone=ZONE
    )
    if role is Role.ADMINISTRATOR:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    grant(user, roles=[role], sites=sites, actor=Actor.job("demo"), at=at)
    return user


def _put_on_shift(user: User, skills: str, hours: tuple[time, time], years: int, first_day: date) -> None:
    ReaderProfile.objects.create(user=user, seniority=years, trainee=years == 0)
    chosen = Subspecialty.objects.all() if skills == "all" else Subspecialty.objects.filter(code__in=skills.split())
    Skill.objects.bulk_create(Skill(reader=user, subspecialty=row) for row in chosen)
    others = Subspecialty.objects.exclude(pk__in=[row.pk for row in chosen])
    Skill.objects.bulk_create(Skill(reader=user, subspecialty=row, level=Skill.SECONDARY) for row in others)
    start, end = hours
    Shift.objects.create(
        reader=user,
        name=f"{user.last_name} {start:%H}–{end:%H}",
        zone=ZONE,
        first_day=first_day.replace(day=1),
        start_time=start,
        end_time=end,
        rrule="FREQ=DAILY",
        holidays=True,
        uid=f"demo-{user.username}@wetread",
    )
