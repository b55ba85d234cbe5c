"""Writes what reading lists sort and search by (``ListEntry``), and the views of them that people keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor, record
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import RequestedProcedure, Study
from ris.patients.matching import fold
from ris.people.models import User
from worklist import states
from worklist.models import ListEntry, ListView, ReadingItem

_COLUMNS = [field.name for field in ListEntry._meta.fields if field.name != "item"]


def write_list_entries(items: Iterable[int]) -> int:
    """Write the entries of these items anew; how many. Idempotent; four queries for any number."""
    found = ReadingItem.objects.filter(pk__in=list(items)).select_related(
        "procedure__order__patient", "procedure__order__visit"
    )
    rows = list(found.prefetch_related("procedure__order__patient__identifiers"))
    images = _images({item.procedure.image_study_uid for item in rows})
    done = _exams_done({item.procedure.order.patient_id for item in rows})
    entries = [_entry(item, images.get(item.procedure.image_study_uid, 0), done) for item in rows]
    ListEntry.objects.bulk_create(
        entries, update_conflicts=True, unique_fields=["item"], update_fields=_COLUMNS, batch_size=500
    )
    return len(entries)


def write_missing_entries(*, limit: int = 500) -> int:
    """The entries of open items that have none yet, as after an update of the software; how many."""
    missing = ReadingItem.objects.filter(state__in=states.OPEN, entry=None).values_list("pk", flat=True)
    return write_list_entries(list(missing[:limit]))


def _images(study_uids: Collection[str]) -> dict[str, int]:
    told = Study.objects.filter(study_uid__in=study_uids, instances__gt=0)
    return {
        uid: ListEntry.COMPLETE if complete else ListEntry.ARRIVING
        for uid, complete in told.values_list("study_uid", "complete_at")
    }


def _exams_done(patient_ids: Collection[int]) -> Counter[int]:
    """Patient → how many of their exams were done, as the room counts priors."""
    done = RequestedProcedure.objects.filter(order__patient__in=patient_ids).exclude(state=states.CANCELLED)
    done = done.filter(Q(reading_item__isnull=False) | Q(study__isnull=False))
    return Counter(done.values_list("order__patient", flat=True))


def _entry(item: ReadingItem, images: int, done: Counter[int]) -> ListEntry:
    order = item.procedure.order
    patient, visit = order.patient, order.visit
    numbers = [identifier.value for identifier in patient.identifiers.all()]
    location = (visit.location if visit else "") or order.patient_location
    exam, reason = fold(str(item.procedure)), fold(order.reason)
    words = " ".join([patient.search_name.replace("^", " "), *numbers, item.accession, exam, fold(location), reason])
    return ListEntry(
        item=item, patient_name=patient.search_name[:120], birth_date=patient.birth_date, exam=exam[:120],
        reason=reason[:120], location=fold(location)[:120], priors=max(done[patient.pk] - 1, 0), images=images,
        words=words[:900],
    )  # fmt: skip


MOST_VIEWS = 30
"""Of one person: more than a row of tabs can show."""


@transaction.atomic
def save_view(owner: User, *, name: str, query: str, shared: bool, actor: Actor, at: datetime) -> ListView:
    """Keep the query string of a list under a name; a view of the owner with that name is replaced. Raises Invalid."""
    name = " ".join(name.split())
    if not name or len(name) > 40:
        raise Invalid("Give the view a name of at most 40 characters.", at="name")
    if len(query) > 500:
        raise Invalid("This filter is too long to be kept.", at="query")
    if not ListView.objects.filter(owner=owner, name=name).exists() and owner.list_views.count() >= MOST_VIEWS:
        raise Invalid(f"You keep {MOST_VIEWS} views already; delete one first.", at="name")
    said = {"query": query, "shared": shared}
    view, _ = ListView.objects.update_or_create(
        owner=owner, name=name, defaults=said, create_defaults={**said, "created_at": at}
    )
    record(actor, "worklist.view-saved", view, at=at, shared=shared)
    return view


@transaction.atomic
def delete_view(view_id: int, *, owner: User, actor: Actor, at: datetime) -> None:
    """Forget one's own view. Raises NotFound for any other."""
    view = ListView.objects.filter(pk=view_id, owner=owner).first()
    if view is None:
        raise NotFound("You have no such view.")
    record(actor, "worklist.view-deleted", view, at=at)
    view.delete()
