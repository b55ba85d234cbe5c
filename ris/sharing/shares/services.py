"""Shares are made and revoked by people here, and opened by people outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare

from ris.audit.services import Actor, record
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.values import read_reason
from ris.people.models import User

from ..models import Share, ShareView, limits_of
from ..tokens import is_birth_date, new_pin, new_token, token_digest
from .selectors import refuse_unshared, share_for, shareable_report, standing_of

WINDOW = timedelta(minutes=15)
MOST_WRONG_OF_ADDRESS = 20
"""Wrong second factors from one address within :data:`WINDOW`, over all shares; then it opens none."""
LOCKED_ALARM = "share-locked"
DEAD = "This link opens nothing (any more). Ask who sent it for a new one."
"""One answer for links that never were, have run out, are used up, locked or revoked: it tells nothing of them."""


@dataclass(frozen=True, slots=True)
class ShareIntent:
    """What a share is to be. ``days`` and ``most_views`` are within what the site allows."""

    audience: str
    recipient: str
    parts: tuple[str, ...]
    factor: str
    days: int
    most_views: int
    contact: str = ""


@dataclass(frozen=True, slots=True)
class NewShare:
    """A share as its maker sees it once: the token for the link, and the PIN if it has one."""

    share: Share
    token: str
    pin: str


@transaction.atomic
def make_share(report_id: int, intent: ShareIntent, *, maker: User, actor: Actor, at: datetime) -> NewShare:
    """Share a final report; audited as ``share.make``. Token and PIN cannot be had again.

    Raises Forbidden, NotFound; Conflict for a report that must not be shared; Invalid for a field that cannot be.
    """
    report = shareable_report(maker, report_id)
    refuse_unshared(report, intent.audience)
    _check(intent, limits_of(report.item.site).longest_days, limits_of(report.item.site).most_views)
    if intent.factor == Share.BIRTH_DATE and report.procedure.order.patient.birth_date is None:
        raise Invalid("The patient's birth date is not known: choose a PIN.", at="factor")
    token, pin = new_token(), new_pin() if intent.factor == Share.PIN else ""
    share = Share.objects.create(
        digest=token_digest(token), report=report, audience=intent.audience, recipient=intent.recipient.strip(),
        contact=intent.contact.strip(), parts=list(intent.parts), factor=intent.factor,
        pin=make_password(pin) if pin else "", made_by=maker, made_at=at, expires_at=at + timedelta(days=intent.days),
        most_views=intent.most_views,
    )  # fmt: skip
    patient_id = report.procedure.order.patient_id
    record(actor, "share.make", share, patient_id=patient_id, at=at, report=report.pk, parts=share.parts,
           days=intent.days, views=intent.most_views, audience=share.audience, factor=share.factor)  # fmt: skip
    return NewShare(share, token, pin)


def _check(intent: ShareIntent, longest_days: int, most_views: int) -> None:
    if intent.audience not in dict(Share.AUDIENCES):
        raise Invalid("Say whether it is for a clinician or for the patient.", at="audience")
    if not intent.recipient.strip() or len(intent.recipient.strip()) > 120:
        raise Invalid("Say in at most 120 characters who gets it.", at="recipient")
    if not intent.parts or not set(intent.parts) <= set(dict(Share.PARTS)):
        raise Invalid("Choose what it opens: report, images, documents.", at="parts")
    if intent.factor not in dict(Share.FACTORS):
        raise Invalid("Choose the second factor: birth date or PIN.", at="factor")
    if not 1 <= intent.days <= longest_days:
        raise Invalid(f"A share lasts from 1 to {longest_days} days at this site.", at="days")
    if not 1 <= intent.most_views <= most_views:
        raise Invalid(f"A share is opened from 1 to {most_views} times at this site.", at="most_views")
    if intent.contact.strip():
        try:
            validate_email(intent.contact.strip())
        except ValidationError:
            raise Invalid("This is no mail address.", at="contact") from None


@transaction.atomic
def revoke_share(viewer: User, share_id: int, *, reason: str, actor: Actor, at: datetime) -> Share:
    """Have the link open nothing from now on; audited as ``share.revoke``. Raises NotFound, Invalid, Conflict."""
    share = share_for(viewer, share_id)
    reason = read_reason(reason, "Say why the share ends.")
    if not Share.objects.filter(pk=share.pk, revoked_at=None).update(
        revoked_at=at, revoked_by=actor.name, revoked_why=reason
    ):
        raise Conflict("This share was revoked already.")
    _record(actor, "share.revoke", share, at, reason)
    return share_for(viewer, share_id)


def _record(actor: Actor, action: str, share: Share, at: datetime, reason: str = "") -> None:
    patient_id = share.report.procedure.order.patient_id
    record(actor, action, share, patient_id=patient_id, reason=reason, at=at, report=share.report_id)


@transaction.atomic
def revoke_shares_of(user_id: int, *, actor: Actor, at: datetime) -> int:
    """Revoke all open shares of one who works here no more; say how many. Idempotent."""
    rows = Share.objects.filter(made_by=user_id, revoked_at=None).select_related("report__procedure__order")
    for share in rows:
        Share.objects.filter(pk=share.pk).update(revoked_at=at, revoked_by=actor.name, revoked_why="who made it left")
        _record(actor, "share.revoke", share, at, "who made it left")
    return len(rows)


def find_share(token: str, *, at: datetime) -> Share:
    """The share of a link that can be opened now. Raises NotFound, with one text for all that cannot."""
    digest = token_digest(token)
    share = Share.objects.filter(digest=digest).select_related("report__procedure__order__patient").first()
    if share is None or not constant_time_compare(share.digest, digest) or standing_of(share, at=at) != "open":
        raise NotFound(DEAD)
    return share


def open_share(token: str, factor: str, *, address: str, at: datetime) -> Share:
    """Count a view, and let who has link and second factor in; audited as ``share.view``.

    Raises NotFound for a link that opens nothing, Forbidden for a wrong second factor or too many of them, Conflict for
    a report that nobody outside may see now. A wrong factor stands in the log whatever becomes of the request.
    """
    share = find_share(token, at=at)
    wrong_here = ShareView.objects.filter(address=address, what=ShareView.WRONG, at__gt=at - WINDOW)
    if wrong_here.count() >= MOST_WRONG_OF_ADDRESS:
        raise Forbidden("Too many wrong attempts. Wait 15 minutes.", code="throttled")
    # A try is taken before it is checked: of guesses that come at once, no more than MOST_WRONG are looked at.
    if not Share.objects.filter(pk=share.pk, wrong__lt=Share.MOST_WRONG).update(wrong=F("wrong") + 1):
        raise NotFound(DEAD)
    if not _is_right(share, factor):
        _note_wrong(share, address, at)
        raise Forbidden("That is not right. After five wrong attempts the link is dead.", code="wrong-factor")
    Share.objects.filter(pk=share.pk, wrong__gt=0).update(wrong=F("wrong") - 1)
    refuse_unshared(share.report, share.audience)
    return _count_view(share, address, at)


def _is_right(share: Share, factor: str) -> bool:
    if share.factor == Share.PIN:
        return check_password(factor.strip(), share.pin)
    return is_birth_date(factor, share.report.procedure.order.patient.birth_date)


@transaction.atomic
def _note_wrong(share: Share, address: str, at: datetime) -> None:
    ShareView.objects.create(share=share, at=at, address=address, what=ShareView.WRONG)
    _record(_recipient(share, address), "share.wrong-factor", share, at)
    if Share.objects.filter(pk=share.pk, wrong__gte=Share.MOST_WRONG).exists():
        raise_alarm(LOCKED_ALARM, f"share {share.pk}", detail="Five wrong second factors.", at=at)


@transaction.atomic
def _count_view(share: Share, address: str, at: datetime) -> Share:
    live = Share.objects.filter(pk=share.pk, revoked_at=None, expires_at__gt=at, views__lt=F("most_views"))
    if not live.update(views=F("views") + 1):
        raise NotFound(DEAD)
    note_part(share, ShareView.OPENED, address=address, at=at)
    return share


@transaction.atomic
def note_part(share: Share, what: str, *, address: str, at: datetime) -> None:
    """Log that a recipient was shown something: ``opened``, or a part. Audited as ``share.view``."""
    ShareView.objects.create(share=share, at=at, address=address, what=what)
    patient_id = share.report.procedure.order.patient_id
    record(_recipient(share, address), "share.view", share, patient_id=patient_id, at=at, report=share.report_id,
           what=what)  # fmt: skip


def opened_share(share_id: int, *, at: datetime) -> Share:
    """A share that was opened by this browser a while ago, and still may be read. Raises NotFound and Conflict."""
    rows = Share.objects.filter(pk=share_id).select_related("report__item__site", "report__procedure__order__patient")
    share = rows.first()
    if share is None or standing_of(share, at=at) not in ("open", "used up"):
        raise NotFound(DEAD)
    refuse_unshared(share.report, share.audience)
    return share


def _recipient(share: Share, address: str) -> Actor:
    return Actor(f"share {share.pk}", None, address)
