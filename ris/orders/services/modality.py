"""By which kind of device an exam is done (Modality, PS3.3 C.7.3.1.1.1), when its sender does not say so."""

from __future__ import annotations

from ris.catalog.models import Procedure

from ..intents import ProcedureIntent
from ..models import Order
from ..prepared_queries import FIRST_DEVICE
from ..selectors_catalog import find_modality
from .flags import GUESSED_MODALITY, UNKNOWN_MODALITY, UNKNOWN_PROCEDURE, add_flag


def tell_modality(order: Order, intent: ProcedureIntent, catalog: Procedure | None) -> str:
    """The modality of what is ordered: as said, of the catalog, or read from the text; empty when nothing tells it.

    The order is flagged where the catalog does not know the procedure, and where the modality is a guess or missing.
    """
    if catalog is None:
        add_flag(order, UNKNOWN_PROCEDURE)
    step_modality = next((step.modality for step in intent.steps if step.modality), "")
    modality = intent.modality or (catalog.modality if catalog else "") or step_modality
    # The catalog may have the code for the left and the right side, of which none was said.
    if modality := modality or find_modality(intent.code, *intent.alternates):
        return modality
    modality = _guessed_modality(order, intent.modality_guess)
    add_flag(order, GUESSED_MODALITY if modality else UNKNOWN_MODALITY)
    return modality


_RADIOGRAPHY = ("DX", "CR")


def _guessed_modality(order: Order, guess: str) -> str:
    """A modality that was read from a text; of the two of plain radiography the one of which the site has a device."""
    others = [other for other in _RADIOGRAPHY if other != guess] if guess in _RADIOGRAPHY else []
    return next((m for m in [guess, *others] if m and FIRST_DEVICE.first(m, order.site_id)), guess)
