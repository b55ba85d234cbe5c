"""Templates and macros on screen, and what the room asks while a report is written."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.catalog.models import Procedure, Site
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none, number_or_none, read_id
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require
from worklist import selectors as worklist

from . import insertion
from .case import writing_help
from .macros import delete_macro, may_edit_macro, save_macro, visible_macros
from .models import ReportTemplate
from .mrrt.reading import MOST_BYTES, SECTIONS
from .templates import (
    export_mrrt,
    import_mrrt,
    may_edit,
    newest_version,
    save_template,
    template_for,
    visible_templates,
)

MOST_FILES = 300


@require_safe
@page(Can.READ_CASES)
def help_for(request: HttpRequest, item_id: int) -> JsonResponse:
    """Templates, macros and merge fields of a case, for the room."""
    user = user_of(request)
    return JsonResponse(writing_help(worklist.item_for(user, item_id), user))


@require_POST
@page(Can.READ_CASES)
def insert(request: HttpRequest, item_id: int) -> JsonResponse:
    """Words for the draft. 409 unless the reader holds the case."""
    said: dict[str, Any] = {"reader": user_of(request), "actor": actor_of(request), "at": now()}
    item_id = worklist.item_for(user_of(request), item_id).pk
    kind, name = request.POST.get("kind", ""), request.POST.get("name", "")
    section = request.POST.get("section", "findings")
    if kind == "macro":
        inserted = insertion.insert_macro(item_id, name.removeprefix("."), section=section, arguments={}, **said)
    elif kind == "merge":
        inserted = insertion.insert_merge(item_id, name, section=section, **said)
    elif kind in ("normal", "template"):
        chosen = request.POST.get("template", "")
        template_id = read_id(chosen, at="template") if chosen else None
        inserted = insertion.insert_template(item_id, template_id=template_id, normal=kind == "normal", **said)
    else:
        raise Invalid("Insert a template, normal, macro or merge.", at="kind")
    return JsonResponse(asdict(inserted))


@require_safe
@page(Can.READ_CASES, Can.LEAD_READING)
def templates(request: HttpRequest) -> HttpResponse:
    """Everybody's templates and the reader's own."""
    user = user_of(request)
    context = {"templates": visible_templates(user), "leads": Can.LEAD_READING in permissions_of(user)}
    return render(request, "reporting/templates.html", context)


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES, Can.LEAD_READING)
def template_new(request: HttpRequest) -> HttpResponse:
    """A new template: one's own, or everybody's for who leads reading."""
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES, Can.LEAD_READING)
def template(request: HttpRequest, template_id: int) -> HttpResponse:
    """One template; what is saved becomes a new version."""
    return _edit(request, template_for(user_of(request), template_id))


def _edit(request: HttpRequest, shown: ReportTemplate | None) -> HttpResponse:
    user, refusal = user_of(request), None
    if request.method == "POST":
        try:
            saved = _save(request, shown)
            return go(request, reverse("reporting:template", args=[saved.pk]), f"Version {saved.number} is saved.")
        except Invalid as invalid:
            refusal = invalid
    version = newest_version(shown) if shown else None
    texts = {name: request.POST.get(name, getattr(version, name, "")) for name in SECTIONS}
    context = {
        "shown": shown, "version": version, "texts": texts, "refusal": refusal, "sites": Site.objects.all(),
        "procedures": Procedure.objects.filter(active=True), "leads": Can.LEAD_READING in permissions_of(user),
        "may_edit": shown is None or may_edit(user, shown), "contrasts": ReportTemplate.CONTRAST,
        "sexes": ReportTemplate.SEXES,
        "known": json.dumps(version.fields if version else {}, ensure_ascii=False, indent=1),
    }  # fmt: skip
    return render(request, "reporting/template.html", context, status=400 if refusal else 200)


def _save(request: HttpRequest, shown: ReportTemplate | None) -> ReportTemplate:
    given = request.POST
    personal = shown.owner_id is not None if shown else given.get("shared") != "1"
    require(user_of(request), Can.READ_CASES if personal else Can.LEAD_READING)
    try:
        known = json.loads(given.get("known") or "{}")
    except (json.JSONDecodeError, RecursionError):
        raise Invalid("What is known of fields is not JSON.", at="fields") from None
    conditions: dict[str, Any] = {name: given.get(name, "") for name in ("modality", "region", "contrast", "sex")}
    conditions |= {name: id_or_none(given.get(name, "")) for name in ("procedure", "site")}
    conditions |= {name: number_or_none(given.get(name, ""), most=150) for name in ("age_from", "age_to")}
    return save_template(
        shown, title=given.get("title", ""), sections={name: given.get(name, "") for name in SECTIONS},
        conditions=conditions, known=known, language=given.get("language", "en"), personal=personal,
        user=user_of(request), actor=actor_of(request), at=now(),
    )  # fmt: skip


@require_safe
@page(Can.READ_CASES, Can.LEAD_READING)
def template_mrrt(request: HttpRequest, template_id: int) -> HttpResponse:
    """The template as an MRRT file, to be kept and not to be run."""
    text = export_mrrt(template_for(user_of(request), template_id))
    headers = {"Content-Disposition": f'attachment; filename="template-{template_id}.html"',
               "X-Content-Type-Options": "nosniff"}  # fmt: skip
    return HttpResponse(text, content_type="text/html; charset=utf-8", headers=headers)


@require_http_methods(["GET", "POST"])
@page(Can.LEAD_READING)
def templates_import(request: HttpRequest) -> HttpResponse:
    """MRRT files become everybody's templates; the page says what was repaired, and why a file was refused."""
    results = []
    for file in request.FILES.getlist("files")[:MOST_FILES]:
        content = file.read(MOST_BYTES + 1)
        results.append(import_mrrt(str(file.name), content, user=user_of(request), actor=actor_of(request), at=now()))
    return render(request, "reporting/templates_import.html", {"results": results, "asked": request.method == "POST"})


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES, Can.LEAD_READING)
def macros(request: HttpRequest) -> HttpResponse:
    """Everybody's macros and the reader's own, how often each was used; a form for one."""
    user, refusal = user_of(request), None
    shared = request.POST.get("shared") == "1"
    if request.method == "POST":
        require(user, Can.LEAD_READING if shared else Can.READ_CASES)
        try:
            macro = save_macro(user, request.POST.get("trigger", ""), request.POST.get("body", ""), shared=shared,
                               actor=actor_of(request), at=now())  # fmt: skip
            return go(request, reverse("reporting:macros"), f"{macro} is saved.")
        except Invalid as invalid:
            refusal = invalid
    rows = [(macro, may_edit_macro(user, macro)) for macro in visible_macros(user)]
    context = {
        "rows": rows,
        "refusal": refusal,
        "typed": request.POST,
        "leads": Can.LEAD_READING in permissions_of(user),
    }
    return render(request, "reporting/macros.html", context, status=400 if refusal else 200)


@require_POST
@page(Can.READ_CASES, Can.LEAD_READING)
def macro_delete(request: HttpRequest, macro_id: int) -> HttpResponse:
    """Delete a macro that no other one calls."""
    delete_macro(user_of(request), macro_id, actor=actor_of(request), at=now())
    return go(request, reverse("reporting:macros"), "The macro is deleted. Texts that it made stay as they are.")
