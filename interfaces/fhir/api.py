"""FHIR over HTTP (R4 http.html): who asks, in which format, by which method; one call each; headers and refusals."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound, Refusal
from ris.kernel.values import id_or_none
from ris.people.http import actor_of, user_of
from ris.people.models import User

from .authentication import log_in
from .capability import capability_statement
from .datatypes import Json
from .refusals import HttpRefusal, outcome_of, status_of
from .representation import etag, represent
from .resource_type import Page, ResourceType
from .resources.presentation import PDF, PDFS
from .resources.reports import BINARY
from .search.query import read_search
from .search.results import PAGE, answer, read_page

BASE = "/fhir/R4"
JSON = "application/fhir+json"
JSON_KINDS = ("application/fhir+json", "application/json", "json", "text/json", "*/*", "application/*", "")
MOST_BYTES = 5_000_000

View = Callable[..., HttpResponse]


def fhir_call(
    *methods: str, is_open: bool = False, for_apps: bool = False, kinds: tuple[str, ...] = JSON_KINDS
) -> Callable[[View], View]:
    """A call of these methods: logged in (unless ``is_open``), answered in one of the media types ``kinds``, refused
    by an OperationOutcome. ``for_apps``: all that it shows is asked of a resource type, so that scopes narrow it."""

    def around(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method not in methods:
                    raise HttpRefusal(
                        405,
                        "not-supported",
                        f"There is {', '.join(methods)} here.",
                        headers={"Allow": ", ".join(methods)},
                    )
                _check_format(request, kinds)
                if not is_open:
                    log_in(request, for_apps=for_apps)
                return view(request, *args, **kwargs)
            except Refusal as refusal:
                return refuse(refusal)

        return inner

    return around


def refuse(refusal: Refusal) -> HttpResponse:
    """The refusal as an OperationOutcome with its status."""
    headers = refusal.headers if isinstance(refusal, HttpRefusal) else {}
    return render(outcome_of(refusal), status=status_of(refusal)[0], headers=headers)


def render(body: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """The body as FHIR's JSON. Nothing of it may be kept by a cache on the way."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    response = HttpResponse(text, status=status, content_type=f"{JSON}; charset=utf-8", headers=headers or {})
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _check_format(request: HttpRequest, accepted: tuple[str, ...]) -> None:
    """Raise unless the client takes what there is, by ``_format`` or by Accept (R4 http, 3.1.0.1.9)."""
    wanted = request.GET.get("_format") or request.headers.get("Accept", "")
    kinds = [kind.partition(";")[0].strip().lower().replace(" ", "+") for kind in wanted.split(",")]
    if not any(kind in accepted for kind in kinds):
        raise HttpRefusal(
            406, "not-supported", f"There is only JSON here. Accept {JSON}, or say _format=json.", at="_format"
        )


def page_for(request: HttpRequest) -> Page:
    """What the resources of this answer have in common."""
    return Page(user_of(request), request.build_absolute_uri(BASE))


@fhir_call("GET", "HEAD", is_open=True)
def show_capability(request: HttpRequest) -> HttpResponse:
    """``GET metadata``: the CapabilityStatement, for everybody."""
    return render(capability_statement(request.build_absolute_uri(BASE)))


def read_view(resource_type: ResourceType) -> View:
    """``GET Type/id``."""

    @fhir_call("GET", "HEAD", for_apps=True)
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """One resource; seeing it is audited. 304 where the client has this version (If-None-Match)."""
        (text,) = kwargs.values()
        row = find_row(resource_type, user_of(request), text)
        (resource,) = represent(resource_type, [row], page_for(request))
        if resource_type.complete:
            resource = resource_type.complete(row, resource)
        if resource_type.patient:
            record(
                actor_of(request), "fhir.read", row, patient_id=resource_type.patient(row), at=now(),
                resource=resource_type.name,
            )  # fmt: skip
        return answer_resource(request, resource)

    return view


@fhir_call("GET", "HEAD", for_apps=True, kinds=(*JSON_KINDS, PDF))
def read_binary(request: HttpRequest, report_version_id: str) -> HttpResponse:
    """``GET Binary/id``: the PDF of a released version, as it is, or in JSON for whoever asks for that."""
    version = find_row(BINARY, user_of(request), report_version_id)
    content = PDFS.pdf_of(version)
    patient_id = version.report.procedure.order.patient_id
    record(actor_of(request), "fhir.read", version, patient_id=patient_id, at=now(), resource="Binary")
    if "json" in request.headers.get("Accept", "") + request.GET.get("_format", ""):
        data = base64.b64encode(content).decode()
        return render({"resourceType": "Binary", "id": str(version.pk), "contentType": PDF, "data": data})
    return HttpResponse(content, content_type=PDF, headers={"Cache-Control": "private, no-store"})


def find_row(resource_type: ResourceType, viewer: User, text: str, action: str = "r") -> Any:
    """The row of a logical id. Raises NotFound, also for what the viewer may not see; 410 for what was deleted."""
    pk = id_or_none(text)
    row = resource_type.row_of(viewer, pk, action) if pk else None
    if row is None:
        if pk and resource_type.is_gone and resource_type.is_gone(viewer, pk):
            raise HttpRefusal(410, "deleted", f"This {resource_type.name} was deleted.", at=f"{resource_type.name}.id")
        raise NotFound(f"There is no such {resource_type.name}.", at=f"{resource_type.name}.id")
    return row


def answer_resource(request: HttpRequest, resource: Json, *, status: int = 200) -> HttpResponse:
    """The resource with ETag and Last-Modified; 304 without a body where the client has it."""
    tag = etag(resource)
    headers = {"ETag": tag}
    if changed := resource["meta"].get("lastUpdated"):
        headers["Last-Modified"] = http_date(_seconds(changed))
    known = [one.strip() for one in request.headers.get("If-None-Match", "").split(",")]
    if request.method in ("GET", "HEAD") and tag in known:
        return HttpResponse(status=304, headers=headers)
    return render(resource, status=status, headers=headers)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def search_view(resource_type: ResourceType, *methods: str) -> View:
    """``GET Type?…`` and ``POST Type/_search``."""

    @fhir_call(*methods, for_apps=True)
    def view(request: HttpRequest) -> HttpResponse:
        """A searchset Bundle; that it was asked is audited, with the names of the parameters."""
        pairs = list(_pairs(request))
        after = None
        for name, value in pairs:
            if name == PAGE:
                pairs, after = read_page(value)
                break
        strict = "handling=strict" in request.headers.get("Prefer", "").replace(" ", "")
        search = read_search(resource_type, pairs, viewer=user_of(request), strict=strict)
        search.after = after
        bundle, rows = answer(search, page_for(request))
        if resource_type.patient:
            _audit_search(request, resource_type, rows, sorted({name for name, _ in pairs}))
        return render(bundle)

    return view


def _pairs(request: HttpRequest) -> Iterable[tuple[str, str]]:
    """Names and values of a search, of the address and of a form in the body."""
    for given in (request.GET, request.POST):
        for name, values in given.lists():
            if any("\x00" in text for text in (name, *map(str, values))):
                raise Invalid("NUL characters are not allowed. Take them out.", at=name.replace("\x00", ""))
            yield from ((name, str(value)) for value in values)


def _audit_search(request: HttpRequest, resource_type: ResourceType, rows: list[Any], names: list[str]) -> None:
    patients = {resource_type.patient(row) for row in rows} if resource_type.patient else set()
    record(
        actor_of(request), "fhir.search", user_of(request), patient_id=patients.pop() if len(patients) == 1 else None,
        at=now(), resource=resource_type.name, parameters=names, rows=len(rows),
    )  # fmt: skip


def by_method(**views: View) -> View:
    """One view for an address: that of the method. ``GET`` answers HEAD too."""
    methods = (*views, *(["HEAD"] if "GET" in views else []))

    @csrf_exempt
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        chosen = views.get("GET" if request.method == "HEAD" else request.method or "")
        return chosen(request, **kwargs) if chosen else fhir_call(*methods)(HttpResponse)(request)

    return view


@csrf_exempt
def serve_elsewhere(request: HttpRequest) -> HttpResponse:
    """Any other address: the same without its trailing slash, where there is one; else 404 as an OperationOutcome."""
    bare = request.path.rstrip("/")
    if bare != request.path:
        try:
            match = resolve(bare)
        except Resolver404:
            match = None
        if match and match.func is not serve_elsewhere:
            answered: HttpResponse = match.func(request, *match.args, **match.kwargs)
            return answered
    return refuse(NotFound("There is no such address here. See metadata for what there is.", code="not-found"))
