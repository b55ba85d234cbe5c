from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError

from interfaces.dicom.models import MwlQuery, Rejection
from interfaces.dicom.mwl import query_log
from interfaces.dicom.mwl.query_log import QueryLog, RejectedAssociation, write_entries
from ris.audit.models import AuditEvent
from tests.factories import NOON


def asked(calling: str = "CT1", **changes: object) -> MwlQuery:
    values: dict[str, object] = {
        "at": NOON,
        "calling_ae": calling,
        "address": "192.0.2.7",
        "identifier": b"\x08\x00\xff\x00",
        "implicit": True,
        "keys": {"patient_names": "ZZTÄST\\tab\t\n"},
        "rows": 2,
        "ms": 1.25,
        "status": "0000",
        "notes": ["cut (0010,0010)"],
    }
    return MwlQuery(**values | changes)


@pytest.mark.django_db
def test_queries_are_kept_as_they_were_asked_and_audited_once_for_each_caller() -> None:
    write_entries([asked(), asked("MR1", rows=5), asked(rows=3)])

    assert list(MwlQuery.objects.values_list("calling_ae", "rows").order_by("rows")) == [
        ("CT1", 2),
        ("CT1", 3),
        ("MR1", 5),
    ]
    kept = MwlQuery.objects.get(rows=2)
    assert (bytes(kept.identifier), kept.keys, kept.notes) == (asked().identifier, asked().keys, asked().notes)
    assert (kept.at, kept.ms, kept.implicit, kept.device_id) == (NOON, 1.25, True, None)
    audited = AuditEvent.objects.filter(action="worklist.query").order_by("actor")
    assert [(event.actor, event.detail) for event in audited] == [
        ("CT1", {"queries": 2, "rows": 5}),
        ("MR1", {"queries": 1, "rows": 5}),
    ]


@pytest.mark.django_db
def test_a_caller_that_hammers_is_one_row_a_minute() -> None:
    refused = RejectedAssociation("CT9", "OTHER", "192.0.2.7", "called AE title not ours", NOON)
    write_entries([refused] * 40)
    write_entries([refused._replace(at=NOON + timedelta(seconds=30)), refused._replace(calling_ae="CT8")])
    write_entries([refused._replace(at=NOON + timedelta(seconds=90))])

    rows = Rejection.objects.order_by("calling_ae", "at").values_list("calling_ae", "times")
    assert list(rows) == [("CT8", 1), ("CT9", 41), ("CT9", 1)]
    assert AuditEvent.objects.filter(action="association.reject").count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_the_database_refuses_does_not_keep_the_others_waiting() -> None:
    keeper = QueryLog()
    for rows in (1, -1, 2):  # a count below zero breaks a constraint
        keeper.add(asked(rows=rows))
    keeper.close()
    assert sorted(MwlQuery.objects.values_list("rows", flat=True)) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_they_wait(
    monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., object]
) -> None:
    away = [True]

    def sometimes(kept: list[query_log.LogEntry]) -> None:
        if away.pop() if away else False:
            raise OperationalError("away")
        write_entries(kept)

    monkeypatch.setattr(query_log, "write_entries", sometimes)
    monkeypatch.setattr(query_log, "WRITE_EVERY_S", 0.01)
    keeper = QueryLog()
    keeper.add(asked())
    assert eventually(MwlQuery.objects.count)
    keeper.close()
    assert not away
