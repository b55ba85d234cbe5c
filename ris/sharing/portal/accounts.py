"""Accounts of the portal: invited at the desk, made by a code, logged in, ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F

from reporting.release.selectors import years_of
from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.patients.models import Patient
from ris.people.login.throttle import forget_failures, is_throttled, note_failure
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from ..models import PortalAccount, PortalGrant, PortalInvitation, limits_of
from ..tokens import code_digest, is_birth_date, new_code
from .models import GRANTED, GRANTS, PARENT, SELF
from .selectors import invitable_patient

INVITED_DAYS = 30
WRONG = "The code or the birth date is wrong, or the code is used up."


@dataclass(frozen=True, slots=True)
class InvitationIntent:
    """Who is invited: the patient (``self``), a ``parent``, or one by agreement (``granted``, until ``ends_on``)."""

    kind: str
    holder: str = ""
    ends_on: date | None = None


@transaction.atomic
def invite(
    patient_id: int, intent: InvitationIntent, *, site: Site, inviter: User, actor: Actor, at: datetime
) -> tuple[PortalInvitation, str]:
    """Make a code that is valid for 30 days; audited as ``portal.invite``. The code is shown this once.

    Raises Forbidden, NotFound; Invalid for a parent of one who is no child (any more), or a proxy without a name.
    """
    require(inviter, Can.INVITE_PATIENTS, site.pk)
    patient = invitable_patient(inviter, patient_id)
    _check(patient, intent, site, at)
    code = new_code()
    row = PortalInvitation.objects.create(
        digest=code_digest(code), patient=patient, kind=intent.kind, holder=intent.holder.strip(), site=site,
        ends_on=intent.ends_on, made_by=inviter, made_at=at, expires_at=at + timedelta(days=INVITED_DAYS),
    )  # fmt: skip
    record(actor, "portal.invite", row, patient_id=patient.pk, at=at, kind=intent.kind)
    return row, code


def _check(patient: Patient, intent: InvitationIntent, site: Site, at: datetime) -> None:
    if intent.kind not in dict(GRANTS):
        raise Invalid("Say who is invited: the patient, a parent, somebody by agreement.", at="kind")
    if patient.birth_date is None:
        raise Invalid("The patient's birth date is not known. Enter it first: it is the second factor.", at="patient")
    if intent.kind != SELF and not 0 < len(intent.holder.strip()) <= 120:
        raise Invalid("Say in at most 120 characters who it is.", at="holder")
    if intent.kind == GRANTED and (intent.ends_on is None or intent.ends_on < at.date()):
        raise Invalid("An agreement has an end that is still to come.", at="ends_on")
    age = years_of(patient.birth_date, at.date())
    if intent.kind == PARENT and age is not None and age >= limits_of(site).proxy_age:
        raise Invalid(f"Parents see results until the {limits_of(site).proxy_age}th birthday at this site.", at="kind")


def redeem(code: str, born: str, *, address: str, at: datetime) -> PortalInvitation:
    """The invitation of a code, with the patient's birth date as second factor. Raises Forbidden for anything wrong.

    Wrong tries count against the code (five) and the address; they stay counted whatever becomes of the request.
    """
    digest = code_digest(code)
    if is_throttled(f"portal:{digest}", address, at=at):
        raise Forbidden(WRONG, code="throttled")
    rows = PortalInvitation.objects.filter(digest=digest, used_at=None, revoked_at=None, expires_at__gt=at)
    tried = rows.filter(wrong__lt=PortalInvitation.MOST_WRONG).update(wrong=F("wrong") + 1)
    row = rows.select_related("patient", "site").first() if tried else None
    if row is None or not is_birth_date(born, row.patient.birth_date):
        note_failure(f"portal:{digest}", address, user_id=None, how="code", at=at)
        raise Forbidden(WRONG, code="wrong-factor")
    PortalInvitation.objects.filter(pk=row.pk).update(wrong=F("wrong") - 1)
    return row


@transaction.atomic
def make_account(
    invitation: PortalInvitation, *, name: str, password: str, address: str, at: datetime
) -> PortalAccount:
    """Use the code up for a new account; audited as ``portal.account``.

    Who was invited as the patient again and types the name of their own account sets its password anew. Raises Invalid
    for a name or password that cannot be, Conflict when the code was used meanwhile.
    """
    name = name.strip().lower()
    if not 3 <= len(name) <= 120:
        raise Invalid("A log-in name has 3 to 120 characters.", at="name")
    try:
        validate_password(password)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), at="password") from None
    own = PortalGrant.objects.filter(account__name=name, patient=invitation.patient, kind=SELF, revoked_at=None)
    if invitation.kind == SELF and own.exists():
        account = PortalAccount.objects.get(name=name)
        PortalAccount.objects.filter(pk=account.pk).update(password=make_password(password), active=True)
        account.refresh_from_db()
    else:
        try:
            with transaction.atomic():
                account = PortalAccount.objects.create(name=name, password=make_password(password), made_at=at)
        except IntegrityError:
            raise Invalid("This log-in name is taken. Choose another.", at="name") from None
    add_grant(invitation, account, address=address, at=at)
    return account


@transaction.atomic
def add_grant(invitation: PortalInvitation, account: PortalAccount, *, address: str, at: datetime) -> PortalGrant:
    """Use the code up for an account. Raises Conflict when it was used meanwhile."""
    used = PortalInvitation.objects.filter(pk=invitation.pk, used_at=None, revoked_at=None, expires_at__gt=at)
    if not used.update(used_at=at):
        raise Conflict("This code was used already.")
    grant, _ = PortalGrant.objects.update_or_create(
        account=account, patient=invitation.patient, revoked_at=None,
        defaults={"kind": invitation.kind, "holder": invitation.holder, "site": invitation.site, "given_at": at,
                  "ends_on": invitation.ends_on},
    )  # fmt: skip
    record(actor_of_account(account, address), "portal.account", grant, patient_id=invitation.patient_id, at=at,
           kind=grant.kind, invitation=invitation.pk)  # fmt: skip
    return grant


def log_in(name: str, password: str, *, address: str, at: datetime) -> PortalAccount:
    """The account of a log-in. Raises Forbidden; the same for an unknown name as for a wrong password."""
    name = name.strip().lower()
    if is_throttled(f"portal:{name}", address, at=at):
        raise Forbidden(WRONG, code="throttled")
    account = PortalAccount.objects.filter(name=name, active=True).first()
    # A hash is computed for an unknown name, too: the time says nothing.
    if not check_password(password, account.password if account else make_password(password + "x")) or account is None:
        note_failure(f"portal:{name}", address, user_id=None, how="password", at=at)
        raise Forbidden(WRONG, code="wrong-password")
    forget_failures(f"portal:{name}", at=at)
    PortalAccount.objects.filter(pk=account.pk).update(last_at=at)
    record(actor_of_account(account, address), "portal.login", account, at=at)
    return account


@transaction.atomic
def end_grant(grant: PortalGrant, *, actor: Actor, at: datetime) -> None:
    """Have an account see a patient's results no more; audited as ``portal.end-grant``. Idempotent."""
    if PortalGrant.objects.filter(pk=grant.pk, revoked_at=None).update(revoked_at=at, revoked_by=actor.name):
        record(actor, "portal.end-grant", grant, patient_id=grant.patient_id, at=at)


@transaction.atomic
def revoke_invitation(invitation: PortalInvitation, *, actor: Actor, at: datetime) -> None:
    """Have a code make no account any more; audited as ``portal.revoke-invitation``. Idempotent."""
    if PortalInvitation.objects.filter(pk=invitation.pk, used_at=None, revoked_at=None).update(revoked_at=at):
        record(actor, "portal.revoke-invitation", invitation, patient_id=invitation.patient_id, at=at)


def actor_of_account(account: PortalAccount, address: str) -> Actor:
    """Who acts in the audit trail: an account is no user, and its name may be a mail address."""
    return Actor(f"portal account {account.pk}", None, address)
