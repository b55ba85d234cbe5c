"""UPS-RS over HTTP (PS3.18 chapter 11): who asks, in which media type; one call each; refusals as a Warning header.

The Transaction UID is taken from where any edition of the standard has it: the body (0008,1195) (2014), the query
parameter ``transaction`` (2014c), ``transaction-uid`` (2019b) or ``Transaction-uid`` (2025e), whatever its case.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from ris.audit.services import record, record_shown
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from ris.kernel.values import read_number
from ris.people.api_auth import TokenAuthentication
from ris.people.http import actor_of, user_of
from ris.people.selectors import permissions_of

from ..models import Workitem
from . import services, subscription
from .dataset import (
    PUSH,
    SOP_CLASS,
    STATE,
    TRANSACTION_UID,
    UID,
    Json,
    attribute,
    matches,
    path_of,
    read_dataset,
    text_at,
)
from .subscription import SEEN_BY

JSON = "application/dicom+json"
MOST_ROWS, USUAL_ROWS, MOST_LOOKED_AT = 500, 100, 5000
MOST_BYTES = 2_000_000
STATUS: dict[type[Refusal], int] = {Invalid: 400, Forbidden: 403, NotFound: 404, Conflict: 409}
PARAMETERS = ("limit", "offset", "includefield", "fuzzymatching", "transaction", "transaction-uid")
View = Callable[..., HttpResponse]


def ups_call(view: View) -> View:
    """A call by bearer token, or to read by session; refusals have the status of the standard and say why."""

    @csrf_exempt
    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if any("\x00" in value for value in kwargs.values()):
                raise NotFound("There is no such workitem.", at="uid")
            known = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]  # it reads the headers alone
            if known:
                request.user = known[0]
            elif not request.user.is_authenticated or request.method not in ("GET", "HEAD"):
                return _refused(401, "Send Authorization: Bearer, with an API token.")
            return view(request, *args, **kwargs)
        except AuthenticationFailed as failure:
            return _refused(401, str(failure.detail))
        except PermissionDenied as failure:
            return _refused(403, str(failure.detail))
        except Refusal as refusal:
            status = next((code for kind, code in STATUS.items() if isinstance(refusal, kind)), 400)
            return _refused(status, refusal.detail, refusal.at)

    return inner


def _refused(status: int, detail: str, at: str = "") -> HttpResponse:
    body = {"status": status, "detail": detail, "at": at}
    response = HttpResponse(json.dumps(body), status=status, content_type="application/problem+json")
    response.headers["Warning"] = f'299 wetread "{_ascii(detail)}"'
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace('"', "'").replace("\n", " ")


def _done(status: int = 200, warning: str = "", **headers: str) -> HttpResponse:
    response = HttpResponse(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})
    if warning:
        response.headers["Warning"] = f'299 wetread "{_ascii(warning)}"'
    return response


def _body(request: HttpRequest, *, may_be_empty: bool = False) -> Json:
    if may_be_empty and not request.body.strip():
        return {}
    if (request.content_type or "") not in (JSON, "application/json"):
        raise Invalid(f"Send the dataset as {JSON}.", at="Content-Type")
    if len(request.body) > MOST_BYTES:
        raise Invalid(f"At most {MOST_BYTES} bytes.", at="body")
    return read_dataset(request.body)


def _query(request: HttpRequest) -> list[tuple[str, str]]:
    """Names and values of the query; of one that is repeated the last."""
    return [(name, str(value)) for name, value in request.GET.items()]


def _lock_of(request: HttpRequest, dataset: Json) -> str:
    """The Transaction UID, from wherever it stands. Raises Invalid where two places disagree."""
    given = {text_at(dataset, TRANSACTION_UID)}
    for name, value in _query(request):
        if name.lower() in ("transaction", "transaction-uid"):
            given.add(value.strip())
    given.discard("")
    if len(given) > 1:
        raise Invalid("Two different Transaction UIDs were sent.", at=TRANSACTION_UID)
    return next(iter(given), "")


def _shown(item: Workitem) -> Json:
    """The dataset as it is told: with its state, never with its Transaction UID."""
    return dict(sorted({
        **item.dataset,
        SOP_CLASS: attribute("UI", PUSH),
        UID: attribute("UI", item.uid),
        STATE: attribute("CS", item.state),
    }.items()))  # fmt: skip


def _answer(body: Any, **headers: str) -> HttpResponse:
    response = HttpResponse(json.dumps(body, ensure_ascii=False), content_type=JSON, headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response


@ups_call
def workitems(request: HttpRequest) -> HttpResponse:
    """``POST /workitems?uid`` creates one, ``GET /workitems?…`` searches."""
    if request.method == "POST":
        return _create(request)
    if request.method not in ("GET", "HEAD"):
        return _done(405, Allow="GET, POST")
    return _search(request)


def _create(request: HttpRequest) -> HttpResponse:
    named = [name for name, value in _query(request) if not value and name[:1].isdigit()]
    uid = request.GET.get("workitem") or (named[0] if named else "")
    item = services.create_workitem(_body(request), uid, user=user_of(request), actor=actor_of(request), at=now())
    return _done(201, Location=request.build_absolute_uri(f"/dicom-web/workitems/{item.uid}"))


def _search(request: HttpRequest) -> HttpResponse:
    """Newest first. 204 where nothing fits; a Warning where there is more than was looked at or asked for."""
    user = user_of(request)
    if SEEN_BY not in permissions_of(user):
        raise Forbidden("Your role does not include seeing the worklist.", code="role")
    keys = [(path_of(name), value) for name, value in _query(request) if name.lower() not in PARAMETERS]
    for values in (value.split(",") for name, value in _query(request) if name.lower() == "includefield"):
        [path_of(one) for one in values if one != "all"]
    limit = min(read_number(request.GET.get("limit") or str(USUAL_ROWS), at="limit"), MOST_ROWS)
    offset = read_number(request.GET.get("offset") or "0", at="offset")
    rows = subscription.workitems_for(user).select_related("procedure__order")
    for path, value in keys:  # what has an index
        if path == (STATE,) and value and "*" not in value and "?" not in value:
            rows = rows.filter(state=value)
    looked_at = list(rows.order_by("-pk")[:MOST_LOOKED_AT])
    fits = [one for one in looked_at if all(matches(_shown(one), path, value) for path, value in keys)]
    shown = fits[offset : offset + limit]
    record_shown(actor_of(request), "workitem.search", ((one, _patient(one)) for one in shown), at=now())
    if not shown:
        return _done(204)
    more = len(looked_at) == MOST_LOOKED_AT or len(fits) > offset + limit
    headers = {"Warning": '299 wetread "There are additional results that can be requested"'} if more else {}
    return _answer([_shown(one) for one in shown], **headers)


def _patient(item: Workitem) -> int | None:
    return item.procedure.order.patient_id if item.procedure else None


@ups_call
def workitem(request: HttpRequest, uid: str) -> HttpResponse:
    """``GET`` reads one, ``POST`` updates it."""
    if request.method == "POST":
        dataset = _body(request)
        lock = _lock_of(request, dataset)
        services.update_workitem(uid, dataset, lock, user=user_of(request), actor=actor_of(request), at=now())
        return _done(200, Content_Location=request.build_absolute_uri(f"/dicom-web/workitems/{uid}"))
    if request.method not in ("GET", "HEAD"):
        return _done(405, Allow="GET, POST")
    item = subscription.item_for(user_of(request), uid)
    record(actor_of(request), "workitem.view", item, patient_id=_patient(item), at=now())
    return _answer([_shown(item)])


@ups_call
def state(request: HttpRequest, uid: str, aet: str = "") -> HttpResponse:
    """``PUT /workitems/UID/state``: claim, complete, cancel."""
    if request.method != "PUT":
        return _done(405, Allow="PUT")
    dataset = _body(request)
    _, warning = services.change_state(
        uid, text_at(dataset, STATE), _lock_of(request, dataset), station=aet[:16],
        user=user_of(request), actor=actor_of(request), at=now(),
    )  # fmt: skip
    return _done(200, warning, Content_Location=request.build_absolute_uri(f"/dicom-web/workitems/{uid}"))


@ups_call
def cancel_request(request: HttpRequest, uid: str, aet: str = "") -> HttpResponse:
    """``POST /workitems/UID/cancelrequest``: 202 where it was cancelled, or whoever works at it was asked to stop."""
    if request.method != "POST":
        return _done(405, Allow="POST")
    dataset = _body(request, may_be_empty=True)
    who: Any = {"user": user_of(request), "actor": actor_of(request), "at": now()}
    warning = services.request_cancel(uid, dataset, station=aet[:16], **who)
    return _done(200 if warning else 202, warning)


@ups_call
def subscribers(request: HttpRequest, uid: str, aet: str) -> HttpResponse:
    """``POST`` subscribes the AE: 201 with the address of the websocket; ``DELETE`` ends it."""
    who: Any = {"user": user_of(request), "actor": actor_of(request), "at": now()}
    if request.method == "DELETE":
        subscription.unsubscribe_ae(uid, aet, **who)
        return _done(200)
    if request.method != "POST":
        return _done(405, Allow="POST, DELETE")
    if SEEN_BY not in permissions_of(who["user"]):
        raise Forbidden("Your role does not include seeing the worklist.", code="role")
    lock = request.GET.get("deletionlock", "").lower() == "true"
    filters = {name: value for name, value in _query(request) if name.lower() not in ("deletionlock", "filter")}
    for one in filter(None, request.GET.get("filter", "").split("&")):
        name, _, value = one.partition("=")
        filters[name] = value
    subscription.subscribe_ae(uid, aet, filters=filters, deletion_lock=lock, **who)
    address = request.build_absolute_uri(f"/dicom-web/subscribers/{aet}").replace("http", "ws", 1)
    return _done(201, Content_Location=address)


@ups_call
def suspend(request: HttpRequest, uid: str, aet: str) -> HttpResponse:
    """``POST …/subscribers/AE/suspend``: new workitems are not told any more."""
    if request.method != "POST":
        return _done(405, Allow="POST")
    if uid not in (subscription.GLOBAL, subscription.FILTERED):
        raise Invalid("Only a subscription of the whole worklist can be suspended.", at="uid")
    subscription.suspend_ae(aet, user=user_of(request), actor=actor_of(request), at=now())
    return _done(200)
