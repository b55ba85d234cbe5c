"""Who acts. Made by an edge, handed down to every service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ris.people.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is a user name, a peer's name or a job's; ``source`` a network address or a part of the system."""

    name: str
    user_id: int | None = None
    source: str = ""

    @classmethod
    def of_user(cls, user: User, source: str = "") -> Self:
        """The actor of a signed-in user; ``source`` is their address."""
        return cls(user.get_username(), user.pk, source)

    @classmethod
    def job(cls, name: str) -> Self:
        """A part of the system that acts by itself, such as the sweep."""
        return cls(name, None, "system")

    @classmethod
    def peer(cls, name: str, address: str = "") -> Self:
        """Another system, such as the EMR or a scanner."""
        return cls(name, None, address)
