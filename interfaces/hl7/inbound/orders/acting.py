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
    def actor(self) -> Actor: ...

    @property
    def at(self) -> datetime: ...

    def warn(self, sentence: str) -> None: ...

    def did(self, verb: str, thing: Model) -> None: ...


@dataclass(frozen=True)
class Afterwards:
    """No message: a fact became true. What is done is audited, and told to nobody else."""

    at: datetime
    actor: Actor = field(default_factory=lambda: Actor.job("hl7"))

    def warn(self, sentence: str) -> None:
        pass

    def did(self, verb: str, thing: Model) -> None:
        pass
