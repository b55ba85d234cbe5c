"""What every edge does first: turn a request into who is asking and from where."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest

from ris.audit.actor import Actor

from .models import User


def user_of(request: Any) -> User:
    """The logged-in user of a Django or DRF request; the edge has made sure that there is one."""
    return cast(User, request.user)


def actor_of(request: HttpRequest | Any) -> Actor:
    """Who acts, with the address they come from."""
    return Actor.of_user(user_of(request), str(request.META.get("REMOTE_ADDR", "")))
