"""Who acts on an order: a message on its way through, or what is left to do when something else happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.db.models import Model

from ris.audit.actor import Actor


class Acting(Protocol):
    """What bringing an order to a picture needs: who, when, and somebody to tell."""

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit trail."""

    @property
    def at(self) -> datetime:
        """When, in UTC."""

    def warn(self, sentence: str) -> None:
        """Note what a person should know; no patient data."""

    def did(self, verb: str, thing: Model) -> None:
        """Note what was done to which row."""


@dataclass(frozen=True)
class Afterwards:
    """No message: a fact became true. What is done is audited, and told to nobody else."""

    at: datetime
    actor: Actor = field(default_factory=lambda: Actor.job("hl7"))

    def warn(self, sentence: str) -> None:
        """Nothing: no message waits for an outcome."""

    def did(self, verb: str, thing: Model) -> None:
        """Nothing: no message waits for an outcome."""
