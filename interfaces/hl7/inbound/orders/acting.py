"""On whose behalf an order is brought to its picture: a message, or a fact that became true."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.db.models import Model

from ris.audit.services import Actor


class Acting(Protocol):
    """Who brings an order to its picture, when, and to whom it is told."""

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit trail."""

    @property
    def at(self) -> datetime:
        """The present, UTC."""

    @property
    def guesses_modality(self) -> bool:
        """Whether the text of an unknown code may tell its modality."""

    def warn(self, sentence: str) -> None:
        """Tell a person something odd."""

    def did(self, verb: str, thing: Model) -> None:
        """Note a change."""

    def note_unmet(self, sentence: str, place: str) -> None:
        """Note what was asked for and is not done. May raise Conflict, to refuse it."""


@dataclass(frozen=True)
class Afterwards:
    """No message: a fact became true. What is done is audited, and told to nobody else."""

    at: datetime
    actor: Actor = field(default_factory=lambda: Actor.job("hl7"))
    guesses_modality: bool = False

    def warn(self, sentence: str) -> None:
        """Do nothing: nobody waits for an answer."""

    def did(self, verb: str, thing: Model) -> None:
        """Do nothing: there is no message whose effect it is."""

    def note_unmet(self, sentence: str, place: str) -> None:
        """Do nothing: it was noted of the message that asked for it."""
