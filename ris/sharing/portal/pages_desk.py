"""The portal for the people here: invitations and grants of a patient, cover texts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.values import day_or_none, id_or_none, read_number
from ris.people.http import STATUS, actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from ..models import CoverText, PortalGrant, PortalInvitation, limits_of
from . import accounts
from .covers import all_covers, save_cover
from .models import GRANTS
from .selectors import grants_about, invitable_patient, open_invitations


@require_http_methods(["GET", "POST"])
@page(Can.INVITE_PATIENTS)
def invitations(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Who sees a patient's results in the portal, open codes, and a form that makes one. Audited.

    The code is shown this once, as a letter to print.
    """
    user, at = user_of(request), now()
    patient = invitable_patient(user, patient_id)
    status, made, secret, refusal = 200, None, "", None
    if request.method == "POST":
        intent = accounts.InvitationIntent(request.POST.get("kind", ""), request.POST.get("holder", ""),
                                           day_or_none(request.POST.get("ends_on", "")))  # fmt: skip
        try:
            made, secret = accounts.invite(patient_id, intent, site=site_asked(request), inviter=user,
                                           actor=actor_of(request), at=at)  # fmt: skip
            status = 201
        except Invalid as refused:
            status, refusal = STATUS[Invalid], refused
    record(actor_of(request), "portal.invitations-view", patient, patient_id=patient.pk, at=at)
    sites = list(sites_for(user, Can.INVITE_PATIENTS))
    context = {
        "patient": patient, "grants": grants_about(patient, at=at), "open": open_invitations(patient, at=at),
        "kinds": GRANTS, "sites": sites, "made": made, "code": secret, "refusal": refusal, "typed": request.POST,
        "address": request.build_absolute_uri(reverse("sharing:portal-code")),
        "ages": sorted({limits_of(site).proxy_age for site in sites}),
    }  # fmt: skip
    return render(request, "sharing/invitations.html", context, status=status)


def site_asked(request: HttpRequest) -> Site:
    """The site that invites: the one named, else the caller's first. Raises NotFound."""
    sites = sites_for(user_of(request), Can.INVITE_PATIENTS).order_by("code")
    asked = id_or_none(request.POST.get("site", ""))
    site = sites.filter(pk=asked).first() if asked else sites.first()
    if site is None:
        raise NotFound("There is no such site of yours.")
    return site


@require_POST
@page(Can.INVITE_PATIENTS)
def stop_grant(request: HttpRequest, patient_id: int, grant_id: int) -> HttpResponse:
    """Have an account see the patient's results no more."""
    patient, at = invitable_patient(user_of(request), patient_id), now()
    accounts.end_grant(grant_about(patient.pk, grant_id, user_of(request)), actor=actor_of(request), at=at)
    return go(request, reverse("sharing:invitations", args=[patient_id]), "This account sees the results no more.")


def grant_about(patient_id: int, grant_id: int, viewer: object) -> PortalGrant:
    """A grant that counts now on the patient's results. Raises NotFound."""
    patient = invitable_patient(viewer, patient_id)  # type: ignore[arg-type]  # a user of the request
    row = next((grant for grant in grants_about(patient, at=now()) if grant.pk == grant_id), None)
    if row is None:
        raise NotFound("There is no such account.")
    return row


@require_POST
@page(Can.INVITE_PATIENTS)
def revoke(request: HttpRequest, patient_id: int, invitation_id: int) -> HttpResponse:
    """Have a code make no account any more."""
    patient, at = invitable_patient(user_of(request), patient_id), now()
    row = PortalInvitation.objects.filter(patient=patient, pk=invitation_id).first()
    if row is None:
        raise NotFound("There is no such code.")
    accounts.revoke_invitation(row, actor=actor_of(request), at=at)
    return go(request, reverse("sharing:invitations", args=[patient_id]), "The code makes no account any more.")


@require_safe
@page(Can.READ_CASES, Can.LEAD_READING)
def covers(request: HttpRequest) -> HttpResponse:
    """The cover texts in force, by kind and language."""
    return _covers(request)


def _covers(request: HttpRequest, refusal: Exception | None = None, status: int = 200) -> HttpResponse:
    names = ("kind", "label", "language", "number", "text")
    rows = [dict(zip(names, row, strict=True)) for row in all_covers()]
    if refusal is not None:  # what was typed is not lost
        asked = (request.POST.get("kind"), request.POST.get("language"))
        rows = [row | ({"text": request.POST.get("text", "")} if (row["kind"], row["language"]) == asked else {})
                for row in rows]  # fmt: skip
    history = CoverText.objects.select_related("made_by").order_by("-pk")[:50]
    may_save = Can.LEAD_READING in permissions_of(user_of(request))
    context = {"rows": rows, "history": history, "may_save": may_save, "refusal": refusal}
    return render(request, "sharing/covers.html", context, status=status)


@require_POST
@page(Can.LEAD_READING)
def cover_save(request: HttpRequest) -> HttpResponse:
    """Put another cover text into force."""
    try:
        save_cover(request.POST.get("kind", ""), request.POST.get("language", ""), request.POST.get("text", ""),
                   upon=read_number(request.POST.get("upon"), at="upon"), editor=user_of(request),
                   actor=actor_of(request), at=now())  # fmt: skip
    except (Invalid, Conflict) as refusal:
        return _covers(request, refusal, STATUS[type(refusal)])
    return go(request, reverse("sharing:covers"), "Patients read the new text from now on.")
