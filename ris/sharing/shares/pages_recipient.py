"""A share for its recipient: a page that shows nothing, and opens by its button and a second factor.

A look at the page (GET, HEAD) counts nothing, whoever follows the link: a preview, a mail scanner. The token leaves the
address once the share is open; the browser's session holds for 15 minutes that it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from reporting.rendering.content import critical_of, holding
from reporting.rendering.pdf import render_pdf
from reporting.selectors_case import viewer_address
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from ris.people.http import STATUS
from ris.people.login.adapter import address_of

from ..models import Share
from ..words import page_words
from .selectors import documents_of_share
from .services import find_share, note_part, open_share, opened_share

OPENED = "shares"
"""Key in a session: share → until when (seconds since 1970) it is open in this browser."""
OPEN_S = 15 * 60
PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
View = Callable[..., HttpResponse]


def for_recipients(view: View) -> View:
    """A page for people outside: private headers, and refusals in their words."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer = view(request, *args, **kwargs)
        except Refusal as refusal:
            answer = _refused(request, refusal)
        for name, value in PRIVATE.items():
            answer.headers[name] = value
        return answer

    return inner


def _refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    words, status = page_words(request), next((code for kind, code in STATUS.items() if isinstance(refusal, kind)), 400)
    which = "revised" if isinstance(refusal, Conflict) else "dead"
    context = {**words, "title": words["t"][f"{which}_title"], "text": words["t"][which]}
    return render(request, "sharing/nothing.html", context, status=status)


# Without a CSRF token: a browser that sends no referrer sends no origin either, and link and second factor are
# all the authority there is. There is no log-in here that somebody else's page could use.
@csrf_exempt
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@for_recipients
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """What the link opens: a form for the second factor; POST opens the share and counts one view."""
    at = now()
    share = find_share(token, at=at)
    context = {**page_words(request), "share": share, "fault": ""}
    if request.method == "POST":
        try:
            open_share(token, request.POST.get("factor", ""), address=address_of(request), at=at)
        except Forbidden as refusal:
            t = context["t"]
            context["fault"] = t["throttled"] if refusal.code == "throttled" else t["wrong"]
            return render(request, "sharing/shared.html", context, status=403)
        opened = request.session.get(OPENED, {})
        request.session[OPENED] = {**opened, str(share.pk): int(time.time()) + OPEN_S}
        return HttpResponseRedirect(reverse("sharing:opened", args=[share.pk]))
    return render(request, "sharing/shared.html", context)


def _share(request: HttpRequest, share_id: int, part: str = "") -> Share:
    """A share that this browser opened within 15 minutes, with this part. Raises NotFound and Conflict."""
    if request.session.get(OPENED, {}).get(str(share_id), 0) < time.time():
        raise NotFound("It is closed.")
    share = opened_share(share_id, at=now())
    if part and part not in share.parts:
        raise NotFound("That is not shared.")
    return share


@require_safe
@for_recipients
def opened(request: HttpRequest, share_id: int) -> HttpResponse:
    """The report that was shared, as it holds now, and what else the share has."""
    share = _share(request, share_id)
    last = share.report.versions.order_by("-number").first()
    shows = Share.REPORT in share.parts and last is not None
    if shows:
        note_part(share, Share.REPORT, address=address_of(request), at=now())
    context = {
        **page_words(request), "share": share, "report": share.report, "last": last if shows else None,
        "patient": share.report.procedure.order.patient if shows else None,
        "shown": holding(last) if shows and last else [], "critical": critical_of(last) if shows and last else None,
        "images": Share.IMAGES in share.parts and bool(share.report.item.site.viewer_url),
        "documents": documents_of_share(share).defer("content"),
    }  # fmt: skip
    return render(request, "sharing/opened.html", context)


@require_safe
@for_recipients
def pdf(request: HttpRequest, share_id: int) -> HttpResponse:
    """The report as a file."""
    share = _share(request, share_id, Share.REPORT)
    last = share.report.versions.order_by("-number").first()
    if last is None:
        raise Http404
    note_part(share, "pdf", address=address_of(request), at=now())
    headers = {"Content-Disposition": f'attachment; filename="report-{share.report_id}.pdf"'}
    return HttpResponse(render_pdf(last), content_type="application/pdf", headers=headers)


@require_safe
@for_recipients
def images(request: HttpRequest, share_id: int) -> HttpResponse:
    """On to the images in the viewer of the site."""
    share = _share(request, share_id, Share.IMAGES)
    try:
        address = viewer_address(share.report.item)
    except Invalid:
        raise NotFound("This site has no viewer.") from None
    note_part(share, Share.IMAGES, address=address_of(request), at=now())
    return HttpResponse(status=302, headers={"Location": address})


@require_safe
@for_recipients
def document(request: HttpRequest, share_id: int, document_id: int) -> HttpResponse:
    """A document made elsewhere, as a file: no browser runs what it holds."""
    share = _share(request, share_id, Share.DOCUMENTS)
    shown = documents_of_share(share).filter(pk=document_id).first()
    if shown is None:
        raise NotFound("There is no such document.")
    note_part(share, Share.DOCUMENTS, address=address_of(request), at=now())
    headers = {"Content-Disposition": f'attachment; filename="document-{shown.pk}"',
               "X-Content-Type-Options": "nosniff",
               "Content-Security-Policy": "default-src 'none'; sandbox"}  # fmt: skip
    return HttpResponse(bytes(shown.content), content_type="application/octet-stream", headers=headers)
