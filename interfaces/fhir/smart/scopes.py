"""Scopes of SMART (v2; v1 is read as v2), as pure functions: read, compared, said in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

PATIENT, USER, SYSTEM = "patient", "user", "system"
ACTIONS = "cruds"
OPENID, FHIR_USER, PROFILE = "openid", "fhirUser", "profile"
LAUNCH, LAUNCH_PATIENT = "launch", "launch/patient"
OFFLINE, ONLINE = "offline_access", "online_access"
PLAIN = {
    OPENID: "know who you are",
    FHIR_USER: "know which practitioner you are",
    PROFILE: "know your name",
    LAUNCH: "know the patient and the exam that you opened it for",
    LAUNCH_PATIENT: "ask you for a patient",
    OFFLINE: "go on while you are away",
    ONLINE: "go on for as long as a shift lasts",
}
"""Scopes that are no resources, in plain words."""
_FORM = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,60})\.(read|write|\*|[cruds]{1,5})(?:\?(.{1,300}))?")
_FIRST_VERSION = {"read": "rs", "write": "cud", "*": ACTIONS}
_WORDS = {"c": "create", "r": "read", "u": "change", "d": "delete", "s": "search"}
_WHOSE = {PATIENT: "of this patient", USER: "of all patients that you may see", SYSTEM: "of all patients of its sites"}


@dataclass(frozen=True, slots=True)
class Scope:
    """``patient/Observation.rs?category=…``: in which context, of which resource type, what may be done, of which."""

    context: str
    resource: str
    actions: str
    query: tuple[tuple[str, str], ...] = ()

    def names(self, resource: str) -> bool:
        """Whether it is about this resource type."""
        return self.resource in ("*", resource)

    def covers(self, wanted: Scope) -> bool:
        """Whether all that is wanted is in this one."""
        return (
            self.context == wanted.context
            and self.names(wanted.resource)
            and set(wanted.actions) <= set(self.actions)
            and set(self.query) <= set(wanted.query)
        )


def read_scope(text: str) -> Scope | None:
    """The scope of a resource; None for any other text. Letters stand in the order of ``cruds`` (App Launch, 2.2)."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    context, resource, letters, query = form.groups()
    actions = _FIRST_VERSION.get(letters, letters)
    if "".join(one for one in ACTIONS if one in actions) != actions:
        return None
    pairs = tuple(parse_qsl(query)) if query else ()
    return Scope(context, resource, actions, pairs) if bool(query) == bool(pairs) else None


def read_scopes(texts: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes of resources among these texts."""
    return tuple(scope for scope in map(read_scope, texts) if scope)


def keep_allowed(wanted: Iterable[str], allowed: Iterable[str], contexts: Iterable[str]) -> list[str]:
    """Of the texts that a client wants those that it may have, in their order. ``contexts``: of this kind of grant."""
    allowed = list(allowed)
    known, contexts = read_scopes(allowed), set(contexts)
    return [text for text in wanted if _is_allowed(text, allowed, known, contexts)]


def _is_allowed(text: str, allowed: list[str], known: tuple[Scope, ...], contexts: set[str]) -> bool:
    scope = read_scope(text)
    if scope is None:
        return text in PLAIN and text in allowed
    return scope.context in contexts and any(one.covers(scope) for one in known)


def say_scope(text: str) -> str:
    """What the scope lets an app do, in plain words, such as ``read and search DiagnosticReport of this patient``."""
    scope = read_scope(text)
    if scope is None:
        return PLAIN.get(text, text)
    *words, last = [_WORDS[action] for action in scope.actions]
    done = f"{', '.join(words)} and {last}" if words else last
    what = "everything" if scope.resource == "*" else scope.resource
    only = f", only where {' and '.join(f'{name} is {value}' for name, value in scope.query)}" if scope.query else ""
    return f"{done} {what} {_WHOSE[scope.context]}{only}"
