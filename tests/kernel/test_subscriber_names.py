"""What was owed under a function's old place in the code reaches the function under its fixed name."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from ris.kernel import events
from ris.kernel.models import Alarm, Delivery, Record
from tests.factories import NOON

migration = import_module("ris.kernel.migrations.0004_subscriber_names")
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("new", sorted(migration.NAMES.values()))
def test_every_new_name_is_a_subscriber_of_today(new: str) -> None:
    assert any(new in names for names in events._subscribers.values())


def test_what_is_owed_and_stuck_is_renamed_and_what_is_done_stays() -> None:
    old, new = next(iter(migration.NAMES.items()))
    rows = {}
    for state in (Delivery.OWED, Delivery.STUCK, Delivery.DONE):
        record = Record.objects.create(kind="OrderPlaced", stream="A1", body={}, at=NOON)
        rows[state] = Delivery.objects.create(record=record, subscriber=old, stream="A1", state=state, due_at=NOON)
    alarm = Alarm.objects.create(kind="delivery-stuck", subject=str(rows[Delivery.STUCK]), raised_at=NOON, last_at=NOON)

    migration.forwards(apps, None)

    for state, name in ((Delivery.OWED, new), (Delivery.STUCK, new), (Delivery.DONE, old)):
        rows[state].refresh_from_db()
        assert rows[state].subscriber == name
    alarm.refresh_from_db()
    assert alarm.subject == str(rows[Delivery.STUCK])


def test_two_functions_of_one_name_are_refused() -> None:
    kind = next(kind for kind, names in events._subscribers.items() if names)
    name = next(iter(events._subscribers[kind]))
    with pytest.raises(TypeError, match=name):
        events.subscribe(events._kinds[kind], name=name)(lambda event: None)
