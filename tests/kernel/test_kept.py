"""Statements whose text is kept answer as the ORM's own do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ris.audit.models import AuditEvent
from ris.catalog.models import Device, Procedure, Site, Subspecialty
from ris.kernel.db.bulk import Many, insert_all
from ris.kernel.db.statements import Kept, insert, insert_many, save, update
from ris.kernel.models import Record

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def site(code: str) -> Site:
    return Site.objects.create(code=code, name=code.title(), accession_prefix=code[:1].upper(), assigning_authority="X")


def test_a_kept_select_gives_the_rows_of_each_value() -> None:
    by_code = Kept(lambda code: Site.objects.filter(code=code)[:1])
    north, south = site("north"), site("south")

    assert [by_code.first(code) for code in ("north", "south", "north", "west")] == [north, south, north, None]
    assert vars(by_code.first("north"))["name"] == "North"


def test_a_kept_select_brings_related_rows_along() -> None:
    Device.objects.create(site=site("north"), ae_title="CT1", name="CT", modality="CT")
    by_title = Kept(lambda title: Device.objects.select_related("site").filter(ae_title=title))
    by_title.first("CT1")

    with CaptureQueriesContext(connection) as asked:
        found = by_title.first("CT1")
        assert found is not None and found.site.code == "north"
    assert len(asked) == 1


def test_values_that_are_no_parameters_are_left_to_the_orm() -> None:
    by_codes = Kept(lambda codes: Site.objects.filter(code__in=codes).order_by("code"))
    by_order = Kept(lambda user: AuditEvent.objects.filter(user=user))
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
    procedure = Kept(lambda code: Procedure.objects.filter(code=code))
    event = Kept(lambda subject: AuditEvent.objects.filter(subject_id=subject))

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
    sites = Many(Site, "code", "name", "accession_prefix", "assigning_authority")
    keys = sites.insert([("north", "Nörth", "N", "X"), ("south", "S", "S", "X")])

    assert [Site.objects.get(pk=key).name for key in keys] == ["Nörth", "S"]
    assert Site.objects.get(code="south").time_zone == Site().time_zone


def test_many_rows_are_inserted_as_the_orm_inserts_one() -> None:
    def event(action: str) -> AuditEvent:
        return AuditEvent(
            at=AT, actor="ZZ\\N\ttab", action=action, subject="x", subject_id="1", detail={"a": ["é", None, "\\t"]}
        )

    event("one").save()
    insert_many([event("many"), event("more")])
    insert_many([])

    one, *many = AuditEvent.objects.order_by("pk")
    assert [row.action for row in many] == ["many", "more"]
    for row in many:
        assert (row.at, row.actor, row.detail, row.user_id) == (one.at, one.actor, one.detail, None)
