"""The reading room: a case, what is known of it, and its report."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.kernel.values import id_or_none, read_id, read_number
from ris.orders.models import AskedQuestion
from ris.orders.result_delivery import list_deliveries, summarize
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require
from worklist import selectors as worklist
from worklist import services as worklist_services
from worklist.models import ReadingItem
from worklist.selectors.access import colleagues
from worklist.states import CLAIMED

from . import selectors, services
from .checks import SECTIONS, Unanswered
from .critical.pages import room_context
from .drafts.pages import refuse_another_author, words_key
from .drafts.selectors import report_texts
from .models import AGREEMENTS, CRITICAL_LEVELS, Report
from .outside.documents import documents_of
from .rendering.content import critical_of, holding
from .residents.selectors import last_return, supervisors_for
from .selectors_case import images_of, prior_of, split_priors, viewer_address
from .services import CRITICAL

FIELDS = (
    ("technique", "Technique"),
    ("comparison", "Comparison"),
    ("findings", "Findings"),
    ("impression", "Impression"),
)


@require_safe
@page(Can.SEE_WORKLIST)
def room(request: HttpRequest, item_id: int) -> HttpResponse:
    """One case: order and priors at the left, the report in the middle, priors at the right. Audited."""
    user = user_of(request)
    item = worklist.item_for(user, item_id)
    order = item.procedure.order
    sees = Can.SEE_REPORTS in permissions_of(user)
    report = selectors.report_of_item(user, item_id) if sees else None
    record(actor_of(request), "item.view", item, patient_id=order.patient_id, at=now())
    versions = list(selectors.versions_of(report)) if report else []
    context = {
        "item": item, "order": order, "patient": order.patient, "visit": order.visit, "viewer": user,
        "report": report, "versions": versions, "shown": holding(versions[-1]) if versions else [],
        "critical": critical_of(versions[-1]) if versions else None, "levels": CRITICAL_LEVELS,
        "may_correct": report is not None and selectors.may_correct(user, report),
        "agreements": AGREEMENTS if item.preliminary_by_id not in (None, user.pk) else (),
        **_surroundings(user, item), "fields": _fields(report), **_standing(user, item),
        "documents": list(documents_of(user, order.patient)) if sees else [],
        "along": worklist.held_along(item) if item.reader_id == user.pk else (),
        "covered": selectors.covered_items(item), "common": selectors.common_exams(report) if report else [],
        "supervisors": supervisors_for(user, item) if _standing(user, item)["mine"] else (),
        "returned": last_return(item),
        **room_context(user, item, report),
        "handover": services.undecided_handover(report, user) if report else None, "words_key": words_key(user),
    }  # fmt: skip
    return render(request, "reporting/room.html", context)


def _surroundings(user: User, item: ReadingItem) -> dict[str, Any]:
    """Images, priors and deliveries: what the bar and the column at the right show."""
    priors, ordered = split_priors(user, item)
    sent = list_deliveries([item.procedure_id])[item.procedure_id]
    return {
        "priors": priors, "ordered": ordered, "images": images_of(item.procedure),
        "deliveries": sent, "delivered": summarize(sent),
        "asked": list(AskedQuestion.objects.filter(step__procedure=item.procedure_id).select_related("asked_by")),
        "colleagues": [person for person in colleagues(user) if person != user] if item.reader_id == user.pk else [],
    }  # fmt: skip


def _fields(report: Report | None) -> list[dict[str, str]]:
    return [
        {"name": name, "label": label, "action": f"field-{name}", "text": getattr(report, name) if report else ""}
        for name, label in FIELDS
    ]


def _standing(user: User, item: ReadingItem) -> dict[str, Any]:
    cans = permissions_of(user)
    return {
        "mine": item.state == CLAIMED and item.reader_id == user.pk,
        "may_read": Can.READ_CASES in cans,
        "may_sign": Can.SIGN_REPORTS in cans,
    }


@require_safe
@page(Can.SEE_WORKLIST)
def open_images(request: HttpRequest, item_id: int) -> HttpResponse:
    """Send the browser to the images in the site's viewer; with ``?prior=`` (an id, or ``latest``) beside a prior.

    Audited as ``item.images``. Whoever holds the case and looks at its images is at work: the claim lives on.
    """
    user, at = user_of(request), now()
    item = worklist.item_for(user, item_id)
    asked = request.GET.get("prior", "")
    prior = prior_of(user, item, None if asked == "latest" else id_or_none(asked) or 0) if asked else None
    address = viewer_address(item, prior)
    patient_id = item.procedure.order.patient_id
    record(actor_of(request), "item.images", item, patient_id=patient_id, at=at, prior=prior.pk if prior else None)
    worklist_services.extend_lease(item.pk, reader=user, at=at)
    # Not HttpResponseRedirect: it refuses the schemes of viewers that run on the desktop (weasis:).
    return HttpResponse(status=302, headers={"Location": address, "Referrer-Policy": "no-referrer"})


@require_safe
@page(Can.SEE_WORKLIST)
def standing(request: HttpRequest, item_id: int) -> HttpResponse:
    """Is the case still mine? Asked when the live line says that it changed."""
    user = user_of(request)
    item = worklist.item_for(user, item_id)
    order = item.procedure.order
    holder = item.reader.display_name if item.reader else ""
    return JsonResponse({"state": item.state, "holder": holder, **_standing(user, item),
                         "texts": [row.pk for row in report_texts(user, item.pk)],
                         "order": order.version, "patient": order.patient.version})  # fmt: skip


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES)
def draft(request: HttpRequest, item_id: int) -> HttpResponse:
    """Autosave. Refused, with nothing overwritten, when the draft was changed elsewhere or is held no more.

    GET: the draft as it stands, for a window that was refused.
    """
    if request.method == "GET":
        return JsonResponse(_draft_body(user_of(request), worklist.item_for(user_of(request), item_id)))
    refuse_another_author(request)
    report = services.save_draft(item_id, reader=user_of(request), revision=revision_read(request),
                                 sections=texts_in(request), actor=actor_of(request), at=now())  # fmt: skip
    return JsonResponse({"revision": report.revision, "saved_at": report.saved_at})


def _draft_body(user: User, item: ReadingItem) -> dict[str, Any]:
    report = selectors.report_of_item(user, item.pk)
    names = (*SECTIONS, *CRITICAL)
    return {
        "mine": _standing(user, item)["mine"], "revision": report.revision if report else 0,
        "saved_at": report.saved_at if report else None, "author": report.author.display_name if report else "",
        "fields": {name: getattr(report, name) if report else "" for name in names},
    }  # fmt: skip


@require_POST
@page(Can.READ_CASES)
def heartbeat(request: HttpRequest, item_id: int) -> HttpResponse:
    """The page is open and somebody is at it: the claim lives on."""
    item = worklist.item_for(user_of(request), item_id)
    held = worklist_services.extend_lease(item.pk, reader=user_of(request), at=now())
    return JsonResponse({"held": held})


@require_POST
@page(Can.READ_CASES)
def release(request: HttpRequest, item_id: int, how: str) -> HttpResponse:
    """Sign, or release as preliminary; then the next case, if wanted.

    422 lists what the checks have to say and has no reason yet (``overrides``, JSON: name of a check → reason).
    """
    user, at = user_of(request), now()
    if how == "sign":
        require(user, Can.SIGN_REPORTS)
    item = worklist.item_for(user, item_id)
    with_it = _with_signature(request) if how == "sign" else {"supervisor": _supervisor(request)}
    covered = selectors.covered_items(item)
    along = [other for other in worklist.held_along(item) if other.pk not in covered]
    act = services.sign if how == "sign" else services.sign_preliminary
    try:
        act(item_id, reader=user, revision=revision_read(request), overrides=_overrides(request),
            actor=actor_of(request), at=at, **with_it)  # fmt: skip
    except Unanswered as refusal:
        listed = [{"check": r.check, "section": r.section, "sentence": r.sentence} for r in refusal.remarks]
        return JsonResponse({"remarks": listed}, status=422)
    done = f"{'Signed' if how == 'sign' else 'Released as preliminary'}: {item.procedure}, {item.accession}."
    return _onward(request, user, done, along)


def _with_signature(request: HttpRequest) -> dict[str, Any]:
    return {name: request.POST.get(name, "") for name in ("agreement", "agreement_note")}


def _supervisor(request: HttpRequest) -> User | None:
    """Whom the author of a preliminary report has chosen to sign it. Raises Invalid for an id that is nobody's."""
    chosen = request.POST.get("supervisor", "")
    if not chosen:
        return None
    user = User.objects.filter(pk=read_id(chosen, at="supervisor"), is_active=True).first()
    if user is None:
        raise Invalid("There is no such person.", at="supervisor")
    return user


def _onward(request: HttpRequest, user: User, done: str, along: list[ReadingItem]) -> HttpResponse:
    """Where to after signing: what was claimed along with it, else the next case, claimed now; or the list."""
    following = None
    if request.POST.get("next") and along:
        following = along[0]
    elif request.POST.get("next"):
        try:
            following = worklist_services.next_case(user, actor=actor_of(request), at=now())
        except (Conflict, Forbidden) as refusal:
            done += f" {refusal.detail}"
        else:
            done += "" if following else " No other case waits for you."
    url = reverse("reporting:room", args=[following.pk]) if following else reverse("worklist:list")
    go(request, url, done)
    return JsonResponse({"url": url})


def texts_in(request: HttpRequest) -> dict[str, str]:
    """What the form says of the report. Browsers end the lines of a form in CR LF."""
    given = {name: request.POST[name] for name in (*SECTIONS, *CRITICAL) if name in request.POST}
    return {name: text.replace("\r\n", "\n") for name, text in given.items()}


def revision_read(request: HttpRequest) -> int:
    """The revision upon which somebody wrote. Raises Invalid."""
    return read_number(request.POST.get("revision", ""), at="revision")


def _overrides(request: HttpRequest) -> dict[str, str]:
    try:
        given = json.loads(request.POST.get("overrides", "{}"))
    except json.JSONDecodeError:
        raise Invalid("The overrides are not JSON.", at="overrides") from None
    return {str(name): str(reason) for name, reason in given.items()} if isinstance(given, dict) else {}
