"""Links in messages of critical findings: signed, without patient data, for one acknowledgement, until they expire.

Opening one shows nothing of the patient and changes nothing, so that a mail scanner which follows links acknowledges
nothing. Details want a second factor: the log-in of who may see the report or was told, or a PIN. They are
acknowledged by a button, which carries a proof that the details were shown.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core import signing
from django.db.models import F
from django.urls import reverse

from ris.audit.services import Actor, record
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import Conflict, Forbidden, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from ..models import CriticalFinding, CriticalMessage
from ..selectors import visible_reports
from . import states
from .services import LINK_LOCKED, acknowledge_finding, subject_of

_LINK = signing.Signer(salt="wetread.critical-link", sep="~")
_PROOF = "wetread.critical-shown"
PROOF_S = 900
"""So long may somebody read before they press the button."""
MOST_WRONG_PINS = 5


def token_of(message: CriticalMessage) -> str:
    """The signed name of a message; it says nothing of whom it is about."""
    return _LINK.sign(f"{message.pk}~{message.nonce}")


def address_of_link(message: CriticalMessage) -> str:
    """The address of a message's link."""
    return settings.RIS.url + reverse("reporting:critical-link", args=[token_of(message)])


def message_of(token: str) -> CriticalMessage:
    """The message of a link. Raises NotFound for a token that we did not sign."""
    try:
        pk, _, nonce = _LINK.unsign(token).partition("~")
        number = int(pk)
    except (signing.BadSignature, ValueError):
        raise NotFound("There is no such link.") from None
    rows = CriticalMessage.objects.filter(pk=number, nonce=nonce)
    message = rows.select_related(
        "user", "contact", "finding__report__item__site", "finding__report__procedure__order__patient"
    ).first()
    if message is None:
        raise NotFound("There is no such link.")
    return message


def refuse_dead_link(message: CriticalMessage, *, at: datetime) -> None:
    """Raise Conflict for a link that opens nothing any more: used, revoked, locked or expired."""
    loop = message.finding
    if loop.state == states.ACKNOWLEDGED:
        raise Conflict("This finding was acknowledged already; the link is used up.", code="acknowledged")
    if message.wrong_pins >= MOST_WRONG_PINS:
        raise Conflict("Too many wrong PINs: this link is locked. Log in, or call the department.", code="locked")
    if message.expires_at <= at:
        raise Conflict("This link has expired. Log in, or call the department.", code="expired")


def show_details(message: CriticalMessage, *, user: User | None, pin: str, source: str, at: datetime) -> str:
    """Say that the caller may see the details; return the proof that the button carries. Audited.

    ``user``: who is logged in, if anybody. Raises Conflict for a dead link; Forbidden for a wrong PIN, or who is
    neither told nor may see the report.
    """
    refuse_dead_link(message, at=at)
    if user is None or not may_see(user, message):
        _check_pin(message, pin, at=at)
        user = None
    CriticalMessage.objects.filter(pk=message.pk, opened_at=None).update(opened_at=at)
    actor = Actor.of_user(user, source) if user else Actor.peer(f"link {message.pk}", source)
    loop = message.finding
    record(actor, "critical.view", loop, patient_id=loop.report.procedure.order.patient_id, at=at, message=message.pk)
    return signing.dumps({"message": message.pk, "user": user.pk if user else None}, salt=_PROOF)


def may_see(user: User, message: CriticalMessage) -> bool:
    """Whether a log-in is a second factor for this message: who was told, or who may see the report."""
    if not user.is_active:
        return False
    if message.user_id == user.pk:
        return True
    sees = Can.SEE_REPORTS in permissions_of(user)
    return sees and visible_reports(user).filter(pk=message.finding.report_id).exists()


def _check_pin(message: CriticalMessage, pin: str, *, at: datetime) -> None:
    known = [message.user.pin if message.user else "", message.contact.pin if message.contact else ""]
    hashes = [value for value in known if value]
    if not hashes:
        raise Forbidden("Log in to see the details; there is no PIN for this link.", code="no-pin")
    if not pin:
        raise Forbidden("Give your PIN, or log in.", code="pin")
    # Counted before it is compared, and by one statement: guesses that come at once are all counted.
    left = CriticalMessage.objects.filter(pk=message.pk, wrong_pins__lt=MOST_WRONG_PINS)
    if not left.update(wrong_pins=F("wrong_pins") + 1):
        raise Conflict("Too many wrong PINs: this link is locked. Log in, or call the department.", code="locked")
    if any(check_password(pin, value) for value in hashes):
        CriticalMessage.objects.filter(pk=message.pk).update(wrong_pins=0)
        return
    if message.wrong_pins + 1 >= MOST_WRONG_PINS:
        raise_alarm(LINK_LOCKED, subject_of(message.finding), detail="too many wrong PINs", at=at)
    raise Forbidden("The PIN is wrong.", code="wrong-secret")


def acknowledge_by_link(
    message: CriticalMessage, proof: str, *, user: User | None, name: str, source: str, at: datetime
) -> CriticalFinding:
    """Acknowledge the finding of a link whose details were shown a moment ago.

    Raises Conflict for a dead link (so the second press), Forbidden without a valid proof.
    """
    refuse_dead_link(message, at=at)
    if message.finding.state == states.WITHDRAWN:
        raise Conflict("This finding does not stand any more.", code="withdrawn")
    try:
        shown = signing.loads(proof, salt=_PROOF, max_age=PROOF_S)
    except signing.BadSignature:
        raise Forbidden("Open the details once more before you acknowledge.", code="proof") from None
    if shown["message"] != message.pk or shown["user"] not in (None, user.pk if user else None):
        raise Forbidden("Open the details once more before you acknowledge.", code="proof")
    by = user if shown["user"] else None
    actor = Actor.of_user(by, source) if by else Actor.peer(f"link {message.pk}", source)
    return acknowledge_finding(
        message.finding_id, by=by, name=by.display_name if by else name, how="link", received_at=at, actor=actor, at=at
    )
