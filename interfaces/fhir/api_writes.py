"""What may be written by FHIR, and how it is asked: create, update, transaction. Each write is one service call."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from ris.kernel.clock import now
from ris.kernel.errors import Forbidden, Invalid, Refusal
from ris.people.http import actor_of, user_of
from ris.people.models import User

from .api import JSON, answer_resource, fhir_call, find_row, page_for, render
from .datatypes import Json
from .refusals import HttpRefusal
from .registry import TYPES
from .representation import etag, represent
from .resource_type import ResourceType
from .search.query import read_search
from .smart.access import AppLimits, narrow, require_scope
from .writes.body import Element, read_resource
from .writes.interactions import CREATES, DELETES, UPDATES, WRITTEN_AS
from .writes.orders import Caller, create_order

MOST_BYTES = 2_000_000
MOST_ENTRIES = 100
KINDS = (JSON, "application/json", "text/json")
PLACES = {
    "placer_number": "ServiceRequest.identifier",
    "accession": "ServiceRequest.identifier",
    "PID-3": "Patient.identifier",
    "identifiers": "Patient.identifier",
    "procedures": "ServiceRequest.code",
    "start": "Appointment.start",
    "device": "Appointment.participant",
    "reason": "Task.statusReason",
    "result_at": "Observation.effectiveDateTime",
}
"""Field that a service names in a refusal → element of the resource."""


def read_body(request: HttpRequest) -> Any:
    """The JSON of the body. Raises HttpRefusal (415, 413) and Invalid."""
    if (request.content_type or "") not in KINDS:
        raise HttpRefusal(415, "not-supported", f"Send the body as {JSON}.")
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        raise HttpRefusal(413, "too-long", f"At most {MOST_BYTES} bytes. Send several requests.")
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise Invalid("The body is no JSON that can be read.", at="body") from None


def caller_of(request: HttpRequest) -> Caller:
    """Who writes, now."""
    return Caller(user_of(request), actor_of(request), now(), {}, getattr(request, "auth", None))


def create_view(resource_type: ResourceType) -> Callable[..., HttpResponse]:
    """``POST Type``, conditional with If-None-Exist."""

    @fhir_call("POST", for_apps=True)
    def view(request: HttpRequest) -> HttpResponse:
        """201 with the new resource; 200 where it was there already."""
        caller, body = caller_of(request), read_body(request)
        condition = request.headers.get("If-None-Exist", "")
        with transaction.atomic() if isinstance(caller.user.limits, AppLimits) else nullcontext():
            row, is_new = _create(resource_type, read_resource(body, resource_type.name), caller, condition)
        made = TYPES[WRITTEN_AS.get(resource_type.name, resource_type.name)]
        return _written(request, made, row.pk, 201 if is_new else 200)

    return view


def _create(resource_type: ResourceType, resource: Element, caller: Caller, condition: str) -> tuple[Any, bool]:
    """The row and whether it is new. With a condition that fits a row, that one; 412 where several fit."""
    kind = resource_type.name
    require_scope(caller.user, kind, "c")
    if condition:
        pairs = parse_qsl(condition.rpartition("?")[2])
        search = read_search(resource_type, pairs, viewer=caller.user, strict=True)
        found = resource_type.select(caller.user)
        for one in search.conditions:
            found = found.filter(one)
        rows = list(found.order_by("pk")[:2])
        if len(rows) > 1:
            raise HttpRefusal(412, "multiple-matches", "Several fit If-None-Exist. Say it more exactly.")
        if rows:
            return rows[0], False
    try:
        if kind == "ServiceRequest":
            row, is_new = create_order(resource, caller, if_none_exist=bool(condition))
        else:
            row, is_new = CREATES[kind](resource, caller)
    except Refusal as refusal:
        refusal.at = _place(refusal.at, kind, resource.path)
        raise
    _check_created(resource_type, row, caller.user)
    return row, is_new


def _check_created(resource_type: ResourceType, row: Any, viewer: User) -> None:
    """Raise Forbidden, which undoes it, where an app's scopes or its patient do not allow what was created."""
    if not isinstance(viewer.limits, AppLimits):
        return
    made = TYPES[WRITTEN_AS.get(resource_type.name, resource_type.name)]
    what = replace(made.compartment, resource=resource_type.name)
    if not narrow(made.visible(viewer).filter(pk=row.pk), viewer, what, "c").exists():
        raise Forbidden(f"The app's scopes allow no {resource_type.name} of this patient.", code="scope")


def _place(at: str, kind: str, path: str) -> str:
    """The FHIRPath of what a refusal names; within a Bundle, in its entry."""
    named = PLACES.get(at, at)
    return path + named.removeprefix(kind) if named.startswith(kind) else named or path


def update_view(resource_type: ResourceType) -> Callable[..., HttpResponse]:
    """``PUT Type/id``; If-Match names the version that the client has."""

    @fhir_call("PUT", for_apps=True)
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """200 with the resource as it became; 412 where it changed meanwhile."""
        (text,) = kwargs.values()
        caller, resource = caller_of(request), read_resource(read_body(request), resource_type.name)
        if resource.get("id").text() != text:
            resource.get("id").refuse("The id must be that of the address.")
        row = find_row(resource_type, caller.user, text, "u")
        wanted = request.headers.get("If-Match", "")
        if wanted and wanted != etag(represent(resource_type, [row], page_for(request))[0]):
            raise HttpRefusal(412, "conflict", "It changed since you read it. Read it again.", at="If-Match")
        try:
            UPDATES[resource_type.name](row, resource, caller)
        except Refusal as refusal:
            refusal.at = _place(refusal.at, resource_type.name, resource.path)
            raise
        return _written(request, resource_type, row.pk, 200)

    return view


def delete_view(resource_type: ResourceType) -> Callable[..., HttpResponse]:
    """``DELETE Type/id``."""

    @fhir_call("DELETE", for_apps=True)
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """204; the id answers 410 from now on."""
        (text,) = kwargs.values()
        caller = caller_of(request)
        DELETES[resource_type.name](find_row(resource_type, caller.user, text, "d"), caller)
        return HttpResponse(status=204)

    return view


def _written(request: HttpRequest, resource_type: ResourceType, pk: int, status: int) -> HttpResponse:
    """The resource as it is now, with its address; without it where ``Prefer: return=minimal``."""
    try:
        row = resource_type.row_of(user_of(request), pk)
    except Forbidden:  # the app may write it and not read it
        row = None
    page = page_for(request)
    address = f"{page.base}/{resource_type.name}/{pk}"
    if row is None:  # it may be written by whoever may not read it
        return HttpResponse(status=status, headers={"Location": address})
    (resource,) = represent(resource_type, [row], page)
    if "return=minimal" in request.headers.get("Prefer", "").replace(" ", ""):
        return HttpResponse(status=status, headers={"Location": address, "ETag": etag(resource)})
    response = answer_resource(request, resource, status=status)
    response.headers["Location"] = address
    return response


@fhir_call("POST", for_apps=True)
def run_transaction(request: HttpRequest) -> HttpResponse:
    """``POST`` of a Bundle of type transaction: all of its creates, or none. Patients are taken first."""
    bundle = read_resource(read_body(request), "Bundle")
    if bundle.get("type").text() != "transaction":
        bundle.get("type").refuse("Only a transaction is taken here.")
    entries = list(bundle.each("entry"))
    if len(entries) > MOST_ENTRIES:
        bundle.get("entry").refuse(f"At most {MOST_ENTRIES} entries. Send several transactions.")
    caller = caller_of(request)
    answers: dict[int, Json] = {}
    with transaction.atomic():
        for number, entry in sorted(enumerate(entries), key=lambda pair: _kind(pair[1]) != "Patient"):
            answers[number] = _take_entry(entry, caller, page_for(request).base)
    found = [{"response": answers[number]} for number in range(len(entries))]
    return render({"resourceType": "Bundle", "type": "transaction-response", **({"entry": found} if found else {})})


def _kind(entry: Element) -> str:
    return entry.get("resource").get("resourceType").text()


def _take_entry(entry: Element, caller: Caller, base: str) -> Json:
    kind, asked = _kind(entry), entry.get("request")
    if asked.get("method").text() != "POST" or kind not in CREATES or asked.get("url").text() != kind:
        asked.refuse(f"A transaction here creates one of {', '.join(CREATES)}: method POST, url the type.")
    resource = read_resource(entry.get("resource").value, kind, entry.get("resource").path)
    row, is_new = _create(TYPES[kind], resource, caller, asked.get("ifNoneExist").text())
    if kind == "Patient" and (url := entry.get("fullUrl").text()):
        caller.patients[url] = row.pk
    return {
        "status": "201 Created" if is_new else "200 OK",
        "location": f"{base}/{WRITTEN_AS.get(kind, kind)}/{row.pk}",
    }
