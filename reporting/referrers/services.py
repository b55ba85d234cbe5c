"""A referrer opens a result: it is no longer new, and a release that waited for that is due."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from ris.orders.selectors import orders_of_referrer
from ris.people.models import User

from ..models import Report, ReportVersion, ResultSeen
from ..release.services import open_seen


@transaction.atomic
def mark_seen(viewer: User, report: Report, version: ReportVersion, *, at: datetime) -> bool:
    """Note that a referrer, or who gets a copy, was shown ``version``; whether it was new to them.

    Of anybody else nothing is noted: a colleague who looks does not answer for the patient.
    """
    if not orders_of_referrer(viewer).filter(pk=report.procedure.order_id).exists():
        return False
    older = ResultSeen.objects.filter(report=report, user=viewer)
    if not older.filter(number__lt=version.number).update(number=version.number, at=at):
        if older.exists():
            return False
        try:
            with transaction.atomic():
                ResultSeen.objects.create(report=report, user=viewer, number=version.number, at=at)
        except IntegrityError:  # opened twice at the same moment
            return False
    open_seen(report.pk, version.pk, at=at)
    return True
