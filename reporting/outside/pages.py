"""Reports made elsewhere, on screen. A file is served so that no browser runs what it holds."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.patients.models import Patient
from ris.patients.selectors import visible_patients
from ris.people.http import actor_of, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .documents import document_for, documents_of

_SUFFIXES = {
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/xml": "xml",
    "image/jpeg": "jpg",
    "image/png": "png",
    "text/plain": "txt",
}
_SHOWN = frozenset({"application/pdf", "image/jpeg", "image/png"})
"""Media types that a browser shows by itself, without running anything of the page's origin."""


@require_safe
@page(Can.SEE_REPORTS)
def documents(request: HttpRequest, patient_id: int) -> HttpResponse:
    """A patient's documents as a card of the patient's page; empty where there are none. Raises NotFound, also for a
    patient whom only foreign sites know."""
    user = user_of(request)
    patient = Patient.objects.filter(pk=patient_id).first()
    shown = list(documents_of(user, patient)) if patient else []
    is_known = Can.SEE_ORDERS in permissions_of(user) and visible_patients(user).filter(pk=patient_id).exists()
    if not shown and not is_known:
        raise NotFound("There is no such patient.")
    return render(request, "reporting/documents_card.html", {"documents": shown})


@require_safe
@page(Can.SEE_REPORTS)
def document(request: HttpRequest, document_id: int) -> HttpResponse:
    """A text as a page; a PDF or picture as it is; anything else as a download. Audited."""
    shown = document_for(user_of(request), document_id)
    record(actor_of(request), "document.view", shown, patient_id=shown.patient_id, at=now())
    content = bytes(shown.content)
    if shown.media_type == "text/plain":
        context = {"document": shown, "text": content.decode(errors="replace"), "patient": shown.patient}
        return render(request, "reporting/document.html", context)
    suffix = _SUFFIXES.get(shown.media_type, "bin")
    how = "inline" if shown.media_type in _SHOWN else "attachment"
    media_type = shown.media_type if shown.media_type in _SHOWN else "application/octet-stream"
    # Browsers show no PDF in a sandbox; their viewer runs apart from the page.
    sandbox = "" if suffix == "pdf" else "; sandbox"
    headers = {
        "Content-Disposition": f'{how}; filename="document-{shown.pk}.{suffix}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": f"default-src 'none'; frame-ancestors 'none'{sandbox}",
        "Cache-Control": "no-store",
    }
    return HttpResponse(content, content_type=media_type, headers=headers)
