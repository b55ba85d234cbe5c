"""What makes an exam readable, as its site chose: the exam is done, its first images are there, or all of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.db.statements import Kept
from ris.orders.models import RequestedProcedure
from ris.orders.states import CANCELLED
from worklist import states
from worklist.models import AwaitedImages, ClockStart, ReadingItem, SiteReading

from .items import open_item, reprice

IMAGES_MISSING = "images-missing"
"""Alarm: an exam was done, and the images that its site reads from have not come in time."""
MOST_AT_ONCE = 200

_requested = Kept[RequestedProcedure](
    lambda pk: RequestedProcedure.objects.select_related("order__site", "study").filter(pk=pk)
)
_settings = Kept[SiteReading](lambda site_id: SiteReading.objects.filter(site=site_id))
_awaited = Kept[AwaitedImages](
    lambda procedure_id: AwaitedImages.objects.select_related("procedure__order").filter(procedure=procedure_id)
)


@transaction.atomic
def open_if_readable(procedure_id: int, *, exam_done: bool, at: datetime) -> ReadingItem | None:
    """Put a procedure on the worklist if what its site waits for has happened; its item, or None.

    ``exam_done``: it is the exam's end that is told. An exam that is done before its images came is
    written down as awaited, once. Idempotent. A cancelled procedure is not opened.
    """
    requested = _requested.first(procedure_id)
    if requested is None:
        raise RequestedProcedure.DoesNotExist
    if requested.state == CANCELLED:
        return None
    setting = _settings.first(requested.order.site_id) or SiteReading()
    study = getattr(requested, "study", None)
    readable = {
        SiteReading.COMPLETED: exam_done,
        SiteReading.FIRST_IMAGES: study is not None,
        SiteReading.COMPLETE_IMAGES: study is not None and study.complete_at is not None,
    }[setting.opens_on]
    if readable:
        stop_awaiting(procedure_id, at=at)
        return open_item(procedure_id, at=at)
    if exam_done and not ReadingItem.objects.filter(procedure=procedure_id).exists():
        AwaitedImages.objects.get_or_create(
            procedure=requested, defaults={"site_id": requested.order.site_id, "since": at}
        )
    return None


@transaction.atomic
def start_clock_by_images(procedure_id: int, *, at: datetime) -> bool:
    """All images are there: price a case whose clock they start, somewhere; whether there was one. Idempotent."""
    if not ClockStart.objects.filter(event=ClockStart.COMPLETE_IMAGES).exists():
        return False
    item = ReadingItem.objects.filter(procedure=procedure_id, state__in=states.OPEN).first()
    if item is None:
        return False
    reprice(item.pk, at=at, cause="all images are there")
    return True


@transaction.atomic
def stop_awaiting(procedure_id: int, *, at: datetime) -> bool:
    """Its images came, or are wanted no more; say whether they were awaited. The alarm, if there is one, is over."""
    row = _awaited.first(procedure_id)
    if row is None:
        return False
    clear_alarm(IMAGES_MISSING, _subject(row), at=at)
    row.delete()
    return True


def alarm_missing_images(at: datetime) -> int:
    """Alarm the exams whose images are late, each once; how many. Open those whose site waits for images no more."""
    waiting_sites = SiteReading.objects.exclude(opens_on=SiteReading.COMPLETED)
    over = AwaitedImages.objects.filter(
        ~Q(site__in=waiting_sites.values("site")) | Q(procedure__reading_item__isnull=False)
    )
    for row in list(over.order_by("since")[:MOST_AT_ONCE]):
        with transaction.atomic():
            stop_awaiting(row.procedure_id, at=at)
            open_if_readable(row.procedure_id, exam_done=True, at=at)
    missing = 0
    for setting in waiting_sites:
        late = AwaitedImages.objects.filter(
            site=setting.site_id, alarmed_at=None, since__lte=at - timedelta(minutes=setting.images_within)
        )
        for row in late.select_related("procedure__order").order_by("since")[:MOST_AT_ONCE]:
            missing += _alarm(row, at)
    return missing


@transaction.atomic
def _alarm(row: AwaitedImages, at: datetime) -> bool:
    if not AwaitedImages.objects.filter(pk=row.pk, alarmed_at=None).update(alarmed_at=at):
        return False  # another sweep did, or they came
    raise_alarm(IMAGES_MISSING, _subject(row), detail=f"exam done {row.since:%Y-%m-%d %H:%M} UTC", at=at)
    return True


def _subject(row: AwaitedImages) -> str:
    return f"{row.procedure.order.accession} {row.procedure.number}"
