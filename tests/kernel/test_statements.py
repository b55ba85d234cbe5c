"""Statements whose text is built once answer as the ORM's own do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ris.audit.models import AuditEvent
from ris.catalog.models import Device, Procedure, Site, Subspecialty
from ris.kernel.db.statements import BulkInsert, PreparedQuery, insert, insert_all, save, update
from ris.kernel.models import Record
from ris.patients.models import Identifier, Patient

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def site(code: str) -> Site:
    return Site.objects.create(code=code, name=code.title(), accession_prefix=code[:1].upper(), assigning_authority="X")


def test_a_prepared_query_gives_the_rows_of_each_value() -> None:
    by_code = PreparedQuery(lambda code: Site.objects.filter(code=code)[:1])
    north, south = site("north"), site("south")

    assert [by_code.first(code) for code in ("north", "south", "north", "west")] == [north, south, north, None]
    assert vars(by_code.first("north"))["name"] == "North"


def test_a_prepared_query_brings_related_rows_along() -> None:
    Device.objects.create(site=site("north"), ae_title="CT1", name="CT", modality="CT")
    by_title = PreparedQuery(lambda title: Device.objects.filter(ae_title=title), related=("site",))
    by_title.first("CT1")

    with CaptureQueriesContext(connection) as asked:
        found = by_title.first("CT1")
        assert found is not None and found.site.code == "north"
    assert len(asked) == 1


def test_values_that_are_no_parameters_are_left_to_the_orm() -> None:
    by_codes = PreparedQuery(lambda codes: Site.objects.filter(code__in=codes).order_by("code"))
    by_order = PreparedQuery(lambda user: AuditEvent.objects.filter(user=user))
    both = [site("north"), site("south")]
    AuditEvent.objects.create(at=AT, actor="x", action="x", subject="x", subject_id="1", detail={})

    assert by_codes.all(["north", "south"]) == both
    assert by_codes.all(["south"]) == both[1:]
    assert by_order.all(7) == []
    assert len(by_order.all(None)) == 1


def test_columns_become_what_they_are_in_the_model() -> None:
    skull = Subspecialty.objects.create(code="neuro", name="Neuro")
    Procedure.objects.create(
        code="CTH", name="CT", modality="CT", body_region="HEAD", subspecialty=skull,
        minutes=15, reading_minutes="4.5", rvu="1.25",
    )  # fmt: skip
    AuditEvent.objects.create(at=AT, actor="x", action="x", subject="x", subject_id="1", detail={"a": [1]})
    procedure = PreparedQuery(lambda code: Procedure.objects.filter(code=code))
    event = PreparedQuery(lambda subject: AuditEvent.objects.filter(subject_id=subject))

    for _ in range(2):
        assert procedure.all("CTH") == list(Procedure.objects.all())
        assert procedure.all("CTH")[0].rvu == Procedure.objects.get().rvu
        found = event.first("1")
        assert found is not None and (found.at, found.detail) == (AT, {"a": [1]})


def test_a_row_is_inserted_as_save_does_it() -> None:
    for number in ("1", "2"):
        made = insert(
            AuditEvent(at=AT, actor="ZZTEST", action="x", subject="x", subject_id=number, detail={"n": number})
        )
        again = AuditEvent.objects.get(pk=made.pk)
        assert (again.at, again.detail, again.subject_id) == (AT, {"n": number}, number)
        assert not made._state.adding


def test_a_column_that_the_database_fills_is_filled() -> None:
    made = [insert(Record(kind="x", stream="x", at=AT, body={})) for _ in range(2)]

    assert all(Record.objects.get(pk=row.pk).written_at for row in made)


def test_an_insert_that_breaks_a_constraint_is_refused_as_ever() -> None:
    def north() -> Site:
        return Site(code="north", name="N", accession_prefix="N", assigning_authority="X")

    insert(north())
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(north())


def test_an_update_writes_what_it_names_of_a_row_that_is_there_and_as_it_must_be() -> None:
    north, changed = site("north"), site("south")
    changed.name, changed.time_zone = "Far south", "Europe/Oslo"

    assert update(changed, "name", code=["south", "west"])
    assert not update(changed, "time_zone", code=["west"])
    changed.refresh_from_db()
    assert (changed.name, changed.time_zone) == ("Far south", north.time_zone)
    changed.time_zone = "Europe/Oslo"
    save(changed)
    assert Site.objects.get(pk=changed.pk).time_zone == "Europe/Oslo"
    assert vars(Site.objects.get(code="north"))["name"] == "North"


def test_many_rows_are_inserted_in_their_order() -> None:
    events = [
        AuditEvent(at=AT, actor="ZZTEST", action="x", subject="x", subject_id=str(n), detail={"n": n}) for n in range(3)
    ]
    insert_all(events)
    assert [event.subject_id for event in AuditEvent.objects.order_by("pk")] == ["0", "1", "2"]
    assert [AuditEvent.objects.get(pk=event.pk).detail for event in events] == [{"n": n} for n in range(3)]
    insert_all([])

    insert_all([Record(kind="x", stream=str(n), at=AT, body={}) for n in range(2)])
    assert all(row.written_at for row in Record.objects.all())


def test_of_many_rows_what_is_not_said_is_as_ever() -> None:
    sites = BulkInsert(Site, "code", "name", "accession_prefix", "assigning_authority")
    keys = sites.insert([("north", "Nörth", "N", "X"), ("south", "S", "S", "X")])

    assert [Site.objects.get(pk=key).name for key in keys] == ["Nörth", "S"]
    assert Site.objects.get(code="south").time_zone == Site().time_zone


def test_many_rows_are_inserted_as_the_orm_inserts_one() -> None:
    def event(action: str) -> AuditEvent:
        return AuditEvent(
            at=AT, actor="ZZ\\N\ttab", action=action, subject="x", subject_id="1", detail={"a": ["é", None, "\\t"]}
        )

    event("one").save()
    insert_all([event("many"), event("more")])
    insert_all([])

    one, *many = AuditEvent.objects.order_by("pk")
    assert [row.action for row in many] == ["many", "more"]
    for row in many:
        assert (row.at, row.actor, row.detail, row.user_id) == (one.at, one.actor, one.detail, None)


def test_a_prepared_query_follows_a_key_of_a_related_row_and_an_empty_one() -> None:
    survivor = Patient.objects.create(family_name="ZZTEST")
    merged = Patient.objects.create(family_name="ZZTEST-OLD", merged_into=survivor)
    for patient, value in ((survivor, "S"), (merged, "M")):
        Identifier.objects.create(patient=patient, value=value, authority="NORTH", kind="MR")
    by_value = PreparedQuery(
        lambda *values: Identifier.objects.filter(value__in=values).order_by("value"),
        related=("patient", "patient__merged_into"),
    )
    by_value.all("M", "S")

    with CaptureQueriesContext(connection) as asked:
        of_merged, of_survivor = (row.patient for row in by_value.all("M", "S"))
        assert of_merged.merged_into == survivor and of_merged.merged_into.family_name == "ZZTEST"
        assert of_survivor == survivor and of_survivor.merged_into is None
    assert len(asked) == 1
