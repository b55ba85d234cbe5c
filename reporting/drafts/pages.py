"""Saving what is typed, from the screens: texts of boxes, another's words, and whose session it is."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.values import read_number
from ris.people.http import actor_of, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from worklist import selectors as worklist

from .. import services
from ..checks import SECTIONS
from ..models import DraftHandover, TextDraft
from ..selectors import report_of_item
from . import selectors

_NO_FIELDS = ("csrfmiddlewaretoken", "author", "version", "revision")


def words_key(user: User) -> str:
    """The key with which a browser encrypts the user's unsaved words: 32 bytes, as hex; the same at each log-in."""
    return salted_hmac("wetread.unsaved-words", str(user.pk), algorithm="sha256").hexdigest()


@never_cache
@require_safe
@page()
def session(request: HttpRequest) -> HttpResponse:
    """Whose session it is, and the token that a change must carry now: both change with a log-in elsewhere."""
    return JsonResponse({"user": user_of(request).pk, "csrf": get_token(request)})


def refuse_another_author(request: HttpRequest) -> None:
    """Raise Conflict (``other-person``) when a page of one person posts in the session of another."""
    author = request.POST.get("author")
    if author and author != str(user_of(request).pk):
        raise Conflict("Another person is logged in here now.", at="author", code="other-person")


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES)
def text(request: HttpRequest, item_id: int, kind: str) -> HttpResponse:
    """The viewer's own text in a box about the case: read (version 0: none), or saved upon ``version``."""
    user, item = user_of(request), worklist.item_for(user_of(request), item_id)
    if request.method == "GET":
        return JsonResponse(_text_body(selectors.own_text(user, item.pk, kind)))
    refuse_another_author(request)
    fields = {name: str(value).replace("\r\n", "\n") for name, value in request.POST.items() if name not in _NO_FIELDS}
    draft = services.save_text(
        item.pk, kind, author=user, version=read_number(request.POST.get("version", "0"), at="version"), fields=fields,
        base_revision=read_number(request.POST.get("revision", "0"), at="revision"),
        actor=actor_of(request), at=now(),
    )  # fmt: skip
    return JsonResponse({"version": draft.version, "saved_at": draft.saved_at})


def _text_body(draft: TextDraft | None) -> dict[str, Any]:
    if draft is None:
        return {"version": 0, "saved_at": None, "revision": 0, "fields": {}}
    return {
        "version": draft.version, "saved_at": draft.saved_at, "revision": draft.base_revision, "fields": draft.fields,
    }  # fmt: skip


@require_safe
@page(Can.READ_CASES)
def texts(request: HttpRequest, item_id: int) -> HttpResponse:
    """Words that could not be saved into the case's report, for their author and the holder. Audited."""
    user, item = user_of(request), worklist.item_for(user_of(request), item_id)
    rows = selectors.report_texts(user, item.pk)
    if any(row.author_id != user.pk for row in rows):
        record(actor_of(request), "text.view", item, patient_id=item.procedure.order.patient_id, at=now())
    return render(request, "reporting/texts.html", {"texts": rows, "viewer": user, "sections": SECTIONS})


@require_POST
@page(Can.READ_CASES)
def close(request: HttpRequest, text_id: int) -> HttpResponse:
    """Put a text aside; it stays as a row."""
    draft = selectors.text_for(user_of(request), text_id)
    services.put_text_aside(draft.pk, reader=user_of(request), actor=actor_of(request), at=now())
    return JsonResponse({"closed": True})


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES)
def handover(request: HttpRequest, item_id: int) -> HttpResponse:
    """Another's unsigned words that wait for the viewer's decision; or the decision (``keep``: 1 or 0)."""
    user, item = user_of(request), worklist.item_for(user_of(request), item_id)
    report = report_of_item(user, item.pk)
    if request.method == "GET":
        return JsonResponse(handover_body(services.undecided_handover(report, user) if report else None))
    if report is None:
        raise NotFound("This case has no draft.")
    refuse_another_author(request)
    report = services.decide_handover(
        item.pk, reader=user, revision=read_number(request.POST.get("revision", ""), at="revision"),
        keep=request.POST.get("keep") == "1", actor=actor_of(request), at=now(),
    )  # fmt: skip
    body = {"revision": report.revision, "fields": {name: getattr(report, name) for name in SECTIONS}}
    return JsonResponse(body)


def handover_body(waiting: DraftHandover | None) -> dict[str, Any]:
    """What a screen or a caller is told of unsigned words that wait for a decision; empty when none do."""
    if waiting is None:
        return {}
    return {
        "author": waiting.from_author_id, "author_name": waiting.from_author.display_name,
        "saved_at": waiting.saved_at, "sections": waiting.sections,
    }  # fmt: skip
