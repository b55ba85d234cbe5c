"""What an app may see: its person's rows, narrowed to its scopes and its patient. All of FHIR asks here, and only here.

:class:`ResourceType` calls :func:`narrow` for every read, search, chain, include and write, so nothing passes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from ris.kernel.errors import Forbidden
from ris.people.models import User
from ris.people.roles import Limits

from ..search.parameters import ANYBODY, NOBODY, SearchParameter, Term
from .scopes import PATIENT, Scope

Rows = TypeVar("Rows", bound=QuerySet[Any])
CLOSED = "Subscription"
"""A resource type that no scope opens: what is told later would outlive the app's grant. API tokens subscribe."""
_COMMA = re.compile(r"(?<!\\),")


@dataclass(frozen=True)
class AppLimits(Limits):
    """Of a viewer for whom an app asks: its scopes, and the patient that it was launched for, if any."""

    scopes: tuple[Scope, ...] = ()
    patient_id: int | None = None


@dataclass(frozen=True, slots=True)
class Compartment:
    """What ``narrow`` knows of a resource type: its name, its search parameters, whether it tells about patients."""

    resource: str
    parameters: Mapping[str, SearchParameter]
    tells: bool


def narrow(rows: Rows, viewer: User, what: Compartment, action: str) -> Rows:
    """The rows to which the app's scopes allow ``action`` (a letter of ``cruds``); all rows where no app asks.

    Raises Forbidden where no scope allows it for any row.
    """
    limits = viewer.limits
    if not isinstance(limits, AppLimits):
        return rows
    scopes = list(_scopes_for(limits, what.resource, action))
    if not scopes:
        raise Forbidden(f"The app has no scope for this: it needs {what.resource}.{action}.", code="scope")
    conditions = [_condition(scope, limits, what, viewer) for scope in scopes]
    if ANYBODY in conditions:
        return rows
    fits = NOBODY
    for condition in conditions:
        fits |= condition
    return rows.filter(fits)


def require_scope(viewer: User, resource: str, action: str) -> None:
    """Raise Forbidden where an app asks that has no scope for this at all."""
    limits = viewer.limits
    if isinstance(limits, AppLimits) and not any(_scopes_for(limits, resource, action)):
        raise Forbidden(f"The app has no scope for this: it needs {resource}.{action}.", code="scope")


def _scopes_for(limits: AppLimits, resource: str, action: str) -> Iterator[Scope]:
    named = [] if resource == CLOSED else [scope for scope in limits.scopes if scope.names(resource)]
    return (scope for scope in named if action in scope.actions)


def _condition(scope: Scope, limits: AppLimits, what: Compartment, viewer: User) -> Q:
    """The rows that one scope opens. Without a patient, ``patient/`` opens nothing that tells about patients."""
    fits = _of_patient(limits.patient_id, what, viewer) if scope.context == PATIENT and what.tells else ANYBODY
    for name, text in scope.query:
        parameter = what.parameters.get(name)
        if parameter is None:  # a restriction that cannot be kept opens nothing
            return NOBODY
        one = NOBODY
        for value in _COMMA.split(text):
            one |= parameter.clause(Term(value, name, viewer))
        fits = one if fits is ANYBODY else fits & one
    return fits


def _of_patient(patient_id: int | None, what: Compartment, viewer: User) -> Q:
    parameter = what.parameters.get("_id" if what.resource == "Patient" else "patient")
    if patient_id is None or parameter is None:
        return NOBODY
    return parameter.clause(Term(str(patient_id), "patient", viewer))
