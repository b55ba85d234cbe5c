"""A day in the department with random policies, and what each viewer may see by the words of the promise. For tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from django.contrib.auth.models import Group
from django.db import connection

from reporting.models import OutsideDocument, Report
from ris.access.services import open_access
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.patients.models import Identifier, Patient
from ris.patients.services.identity import write_name_tokens
from ris.people.models import AccessRule, User
from ris.people.roles import ROLES, Can, Reach, Role
from ris.people.services import grant
from tests.factories import TESTER
from tests.pages.demo_day import Day, begin_day, fill_day
from worklist.models import ReadingItem

SPREAD = [Patient, Order, RequestedProcedure, ReadingItem, Report, ScheduledStep]
"""Tables whose ids begin at 81, 82, … millions, so that an id that is found in an answer says what it is of."""


@dataclass
class Closed:
    """What must not be shown to a viewer: words, and ids by their digits."""

    patients: set[int] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    accessions: set[str] = field(default_factory=set)


def spread_ids() -> None:
    with connection.cursor() as cursor:
        for n, model in enumerate(SPREAD, 81):
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
            row = [model._meta.db_table, n * 1_000_000]
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", row)


def random_day(dice: Random) -> Day:
    """The demo day, with patients who can be told apart by any word, some of them confidential; rules; ties."""
    spread_ids()
    day = begin_day(now())
    fill_day(day)
    for patient in Patient.objects.all():
        patient.family_name = patient.search_name = f"ZZCANARY{patient.pk}Q"
        patient.confidential = dice.random() < 0.5
        patient.confidential_kind, patient.alias = "vip", "CONFIDENTIAL^ZZZZZZ"
        patient.save()
        write_name_tokens(patient)
    for merged in Patient.objects.filter(merged_into__isnull=False):  # as the services keep it
        living = merged.merged_into
        while living.merged_into:
            living = living.merged_into
        Patient.objects.filter(pk=merged.pk).update(confidential=living.confidential)
    for role in (Role.TECHNOLOGIST, Role.RADIOLOGIST, Role.RESIDENT, Role.LEAD, Role.REFERRER):
        if dice.random() < 0.4:
            group, site = Group.objects.get(name=role.value), dice.choice([None, day.site])
            AccessRule.objects.create(role=group, site=site, reach=dice.choice(list(Reach)))
    return day


def tie_at_random(viewer: User, dice: Random) -> None:
    """A case, an order, an emergency access or the permission, some of the time."""
    if dice.random() < 0.3:
        grant(viewer, roles=[Role.CONFIDENTIAL], actor=TESTER, at=now())
    item = dice.choice(list(ReadingItem.objects.all()))
    ReadingItem.objects.filter(pk=item.pk, assigned_to=None).update(assigned_to=viewer)
    Order.objects.filter(pk=dice.choice(list(Order.objects.values_list("pk", flat=True)))).update(referrer=viewer)
    cans = cans_of(viewer)
    if Can.BREAK_GLASS in cans:
        patient = dice.choice(list(Patient.objects.filter(merged_into=None)))
        open_access(viewer, patient.pk, why="other", words="ZZ drill", actor=Actor.of_user(viewer), at=now())


def cans_of(user: User) -> set[Can]:
    return {can for name in user.groups.values_list("name", flat=True) for can in ROLES[Role(name)]}


def may_see(viewer: User, patient: Patient, site_id: int) -> bool:
    """The promise, said once more in plain loops: the implementation is one SQL condition."""
    if patient.confidential and Can.SEE_CONFIDENTIAL not in cans_of(viewer) and not _ties(viewer, patient):
        return False
    reach = _reach(viewer, site_id)
    if reach == Reach.EVERYBODY:
        return True
    return bool(_ties(viewer, patient) & ({"order", "glass"} if reach == Reach.ORDERED else {"order", "glass", "care"}))


def _ties(viewer: User, patient: Patient) -> set[str]:
    found, at = set(), now()
    for order in Order.objects.filter(patient=patient):
        copied = order.copy_practitioners.filter(account=viewer).exists()
        found |= {"order"} if order.referrer_id == viewer.pk or copied else set()
        for item in ReadingItem.objects.filter(procedure__order=order):
            people = {item.reader_id, item.assigned_to_id, item.reserved_for_id, item.preliminary_by_id}
            found |= {"care"} if viewer.pk in people else set()
        for step in ScheduledStep.objects.filter(procedure__order=order).exclude(state="cancelled"):
            today = abs(step.start - at) < timedelta(hours=12) or step.state in ("arrived", "started")
            performs = Can.PERFORM_EXAMS in cans_of(viewer) and _works_at(viewer, order.site_id)
            found |= {"care"} if today and performs else set()
    running = viewer.emergency_accesses.filter(patient=patient, ends_at__gt=at)
    return found | ({"glass"} if running.exists() else set())


def _works_at(viewer: User, site_id: int) -> bool:
    return viewer.siteuserpermission_set.filter(content_object=site_id, permission__codename="work_at").exists()


def _reach(viewer: User, site_id: int) -> Reach:
    reaches = []
    for group in viewer.groups.exclude(name=Role.CONFIDENTIAL.value):
        rules = AccessRule.objects.filter(role=group)
        rule = rules.filter(site=site_id).first() or rules.filter(site=None).first()
        default = Reach.ORDERED if group.name == Role.REFERRER.value else Reach.EVERYBODY
        reaches.append(Reach(rule.reach) if rule else default)
    return min(reaches, key=list(Reach).index, default=Reach.EVERYBODY)


def closed_to(viewer: User, site_id: int) -> Closed:
    """Patients of the site whom the viewer may not see, and all by which an answer could tell of them."""
    closed = Closed()
    for patient in Patient.objects.filter(merged_into=None, orders__site=site_id).distinct():
        if not may_see(viewer, patient, site_id):
            _add(closed, patient)
    return closed


def _add(closed: Closed, patient: Patient) -> None:
    closed.patients.add(patient.pk)
    closed.words |= {patient.family_name, *Identifier.objects.filter(patient=patient).values_list("value", flat=True)}
    closed.ids.add(str(patient.pk))
    for order in Order.objects.filter(patient=patient):
        closed.accessions.add(order.accession)
        closed.ids.add(str(order.pk))
        for model, way in ((RequestedProcedure, "order"), (ScheduledStep, "procedure__order"),
                           (ReadingItem, "procedure__order"), (Report, "procedure__order")):  # fmt: skip
            closed.ids |= {str(pk) for pk in model.objects.filter(**{way: order}).values_list("pk", flat=True)}
    documents = OutsideDocument.objects.filter(patient=patient).exclude(title="")
    closed.words |= {title for title in documents.values_list("title", flat=True) if "ZZ" in title}
