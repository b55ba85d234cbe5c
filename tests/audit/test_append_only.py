"""Nobody rewrites the audit trail."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from ris.audit.models import AuditEvent
from ris.audit.services import record
from tests.factories import NOON, TESTER, make_order

pytestmark = pytest.mark.django_db


def test_the_database_refuses_to_change_or_delete_an_audit_row() -> None:
    event = record(TESTER, "order.view", make_order(), at=NOON)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEvent.objects.filter(pk=event.pk).update(actor="nobody")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEvent.objects.filter(pk=event.pk)._raw_delete("default")
    assert AuditEvent.objects.get(pk=event.pk).actor == TESTER.name
