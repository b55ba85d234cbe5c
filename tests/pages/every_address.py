"""Every address of the URL configuration, with the ids of all the rows that it can be asked about. For tests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.db.models import Model
from django.test import Client
from django.urls import resolve
from rest_framework.serializers import Serializer

from interfaces.dicom.models import ReportSend, Workitem, WorkitemSubscription
from interfaces.fhir.models import CastSession
from interfaces.hl7.models import BackFill, Destination, InboundMessage, MapEntry, OutboundMessage, Peer, ReplayJob
from interfaces.hl7.operations.message_filter import MessageFilter
from reporting.models import (
    CriticalMessage,
    DiscrepancyNotice,
    FollowUp,
    FollowUpMatch,
    Macro,
    PeerReview,
    Report,
    ReportTemplate,
    SavedSearch,
    TeachingCase,
    TextDraft,
)
from ris.access.models import EmergencyAccess
from ris.catalog.models import Device, Procedure
from ris.kernel.models import Delivery
from ris.orders.models import Order, PerformedStep, RequestedProcedure, ScheduledStep, Study
from ris.patients.models import IdentityQuestion, Merge, Patient
from ris.people.models import ApiToken, Practitioner, RoleMapping, User
from ris.people.roles import Can
from ris.sharing.models import PortalGrant, PortalInvitation, Share
from tests.people.test_every_route import address, routes
from worklist.models import Escalation, ListView, Offer, ReadingItem, RuleSet, ScorePolicy, Shift, ShiftChange

MODELS: dict[str, type[Model]] = {
    "share_id": Share, "grant_id": PortalGrant, "invitation_id": PortalInvitation,
    "order_id": Order, "patient_id": Patient, "item_id": ReadingItem, "report_id": Report, "step_id": ScheduledStep,
    "procedure_id": Procedure, "performed_id": PerformedStep, "device_id": Device, "send_id": ReportSend,
    "shift_id": Shift, "change_id": ShiftChange, "rule_set_id": RuleSet, "offer_id": Offer, "merge_id": Merge,
    "escalation_id": Escalation, "delivery_id": Delivery, "destination_id": Destination, "peer_id": Peer,
    "entry_id": MapEntry, "study_id": Study, "question_id": IdentityQuestion, "token_id": ApiToken,
    "search_id": SavedSearch, "session_id": UserSession, "access_id": EmergencyAccess,
    "practitioner_id": Practitioner, "text_id": TextDraft, "notice_id": DiscrepancyNotice,
    "template_id": ReportTemplate, "macro_id": Macro, "told_id": CriticalMessage,
    "token": CriticalMessage, "follow_up_id": FollowUp, "match_id": FollowUpMatch,
    "uid": Workitem, "aet": WorkitemSubscription, "topic": CastSession, "link": CastSession,
    "review_id": PeerReview, "case_id": TeachingCase,
    "provider_id": RoleMapping, "organization_slug": RoleMapping, "policy_id": ScorePolicy, "view_id": ListView,
    "account_id": UserSession,
}  # fmt: skip
"""Argument of a route → what it is the id of."""

BY_ROUTE: dict[str, type[Model]] = {
    "messages/in/": InboundMessage, "messages/out/": OutboundMessage, "messages/replays/": ReplayJob,
    "messages/to/": BackFill, "account/second-factor/": Authenticator,
}  # fmt: skip
"""For ``message_id``, ``job_id`` and ``pk``, which only their route tells apart."""

NO_ID = 7_777_777


@dataclass(frozen=True)
class Place:
    """A route, its view, and one address for each row."""

    route: str
    addresses: tuple[str, ...]
    view: Callable[..., Any]

    @property
    def cans(self) -> frozenset[Can] | None:
        """What one must be allowed to do to be shown the page; None: it is no page of the house, but a call."""
        return getattr(self.view, "cans", None)

    @property
    def full(self) -> bool:
        """Whether there is something that it could show."""
        return any(str(NO_ID) not in where for where in self.addresses)

    @property
    def is_sent(self) -> frozenset[str]:
        """Names of form fields that the view, or a neighbour in its module, reads."""
        source = inspect.getsource(inspect.getmodule(inspect.unwrap(self.view)) or self.view)
        found = set(re.findall(r"""(?:POST|said)(?:\.get|\.getlist)?[(\[]"(\w+)\"""", source))
        return frozenset(found | set(re.findall(r"""local_moment\(request, "(\w+)\"""", source)))

    @property
    def asks_for(self) -> frozenset[str]:
        """Names of query parameters that the view, or a neighbour in its module, reads."""
        cls = getattr(self.view, "cls", None)
        module: Any = inspect.getmodule(cls or inspect.unwrap(self.view))
        source = inspect.getsource(module)
        found = set(re.findall(r"""(?:GET|query_params)(?:\.get\(|\.getlist\(|\[)"(\w+)\"""", source))
        found |= set(MessageFilter.__dataclass_fields__) | {"type"} if "from_values(request.GET" in source else set()
        found |= {"page"} if "Paginator" in source else set()
        if cls is not None and len(self.addresses) == 1:  # a list
            found |= {"page", "page_size", *_filters_of(cls)}
            queries = (one for name, one in vars(module).items() if name.endswith("Query"))
            found |= {name for one in queries if issubclass(one, Serializer) for name in one().fields}
        return frozenset(found)


def _filters_of(cls: Any) -> set[str]:
    made = getattr(cls, "filterset_class", None)
    return set(made.base_filters) if made else set(getattr(cls, "filterset_fields", ()))


def places() -> list[Place]:
    """All but the back office, which is Django's, logging off and the lock."""
    return [_place(route, args) for route, args in routes() if not route.startswith(("logout", "lock/"))]


def _place(route: str, args: tuple[str, ...]) -> Place:
    addresses = tuple(address(route, ids) for ids in _rows(route, args))
    return Place(route, addresses, resolve(addresses[0]).func)


def _rows(route: str, args: tuple[str, ...]) -> Iterator[dict[str, int]]:
    """The ids of rows for the last argument; earlier ones belong to it. One that is nobody's is among them."""
    if not args:
        yield {}
        return
    named = args[-1] in ("message_id", "job_id", "pk")
    model = next((m for start, m in BY_ROUTE.items() if named and route.startswith(start)), None)
    for row in _unlike(model or MODELS.get(args[-1]) or _model_of_call(route, args)):
        yield {args[-1]: row.pk, **{name: _above(row, name) for name in args[:-1]}}
    yield dict.fromkeys(args, NO_ID)


def _unlike(model: type[Model]) -> Iterator[Model]:
    """Of rows that are alike in their states, and in what is known of them and what is not, one; every reading item."""
    kinds = set()
    for row in model._default_manager.order_by("pk"):
        kind = row.pk if model is ReadingItem else tuple(_kind(row, field) for field in model._meta.concrete_fields)
        if isinstance(row, RequestedProcedure):  # its state is that of its steps
            kind = kind, frozenset(row.steps.values_list("state", flat=True))
        if kind not in kinds:
            kinds.add(kind)
            yield row


def _kind(row: Model, field: Any) -> Any:
    value = getattr(row, field.attname)
    told = field.name in ("state", "kind", "event", "enabled", "active", "merged_into", "site")
    return value if told or isinstance(value, bool) else value in (None, "", [], {}, b"", 0)


def _above(row: Model, name: str) -> int:
    """The id of what a row belongs to, such as the shift of a change."""
    return int(getattr(row, name, 0) or getattr(row, f"{name.removesuffix('_id')}_id", 0) or NO_ID)


def _model_of_call(route: str, args: tuple[str, ...]) -> type[Model]:
    view = resolve(address(route, dict.fromkeys(args, NO_ID))).func
    rows = getattr(getattr(view, "cls", None), "queryset", None)
    model = rows.model if rows is not None else _model_named(args[-1].removesuffix("_id").replace("_", ""))
    assert model, f"Say in MODELS of tests/pages/every_address.py what “{args[-1]}” of {route} is the id of."
    return model


def _model_named(stem: str) -> type[Model] | None:
    """The only model whose name is, or has in it, the word; None where there is none, or several."""
    names = {model.__name__.lower(): model for model in apps.get_models()}
    alike = [model for name, model in names.items() if stem in name]
    return names.get(stem) or (alike[0] if len(alike) == 1 else None)


def client_of(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def broken(answer: Any) -> str:
    """What went wrong, of an answer of 500 or more; empty for any other."""
    if answer.status_code < 500:
        return ""
    info = getattr(answer, "exc_info", None)
    return f"{info[0].__name__}: {str(info[1])[:150]} at {_last_of_ours(info[2])}" if info else str(answer.status_code)


def _last_of_ours(trace: Any) -> str:
    found = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "site-packages" not in code.co_filename:
            found = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return found
