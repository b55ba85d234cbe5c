"""An order is brought to the picture that was made of it: content, cancellations, holds, how far the exam is."""

from __future__ import annotations

from typing import Any

from interfaces.hl7.models import OrderTrail
from ris.kernel.events import subscribe
from ris.orders import states as order_states
from ris.orders.events import ExamDiscontinued, ExamReturned, ExamUnlinked, OrderEvent, OrderReinstated
from ris.orders.intents import OrderIntent
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.orders.services import (
    hold_order,
    reinstate_procedure,
    reinstate_step,
    release_order,
    revise_order,
    withdraw_order,
    withdraw_procedure,
    withdraw_step,
)

from . import projection
from .acting import Acting, Afterwards
from .intents import order_content, procedure_intent
from .progress import progress_to
from .projection import Words

BEGUN = "The exam has begun: what has begun is not cancelled; the order is flagged for a person."


def revise(order: Order, before: Words, after: Words, acting: Acting, *, visit_id: int | None = None) -> bool:
    """Write what ``after`` says anew of an order that is not cancelled; whether that was anything about procedures."""
    said, procedures = projection.difference(before, after)
    content = order_content(said)
    if not content and not procedures and visit_id is None:
        return False
    intent = OrderIntent(
        site_id=order.site_id,
        patient_id=order.patient_id,
        visit_id=visit_id,
        source=order.source,
        procedures=tuple(procedure_intent(p, number=_number(order, was)) for was, p in procedures if p.get("code")),
        **content,
    )
    revise_order(order.pk, intent, actor=acting.actor, at=acting.at)
    acting.did("revised", order)
    order.refresh_from_db()
    return bool(procedures)


def bring(order: Order, before: Words, after: Words, acting: Acting) -> bool:
    """Cancel, hold, release, follow what was said of the exam. True: something to be cancelled has begun, and stays."""
    kept: list[bool] = []
    if after["cancelled"]:
        if order.state != order_states.CANCELLED:
            changed = withdraw_order(order.pk, reason=after["reason"], actor=acting.actor, at=acting.at)
            kept.append(_withdrawn(order, order.reread().state, changed, acting))
    else:
        kept += _parts(order, before, after, acting)
        if after["held"] and order.state == order_states.ACTIVE:
            hold_order(order.pk, reason=after["reason"], actor=acting.actor, at=acting.at)
            acting.did("held", order)
        elif not after["held"] and order.state == order_states.HELD:
            release_order(order.pk, actor=acting.actor, at=acting.at)
            acting.did("released", order)
    if after["progress"]:
        progress_to(order, after, acting)
    return any(kept)


def _withdrawn(thing: Any, state: str, changed: bool, acting: Acting) -> bool:
    """Tell what a withdrawal came to; whether the thing stands because it has begun."""
    if state == order_states.CANCELLED:
        if changed:
            acting.did("cancelled", thing)
        return False
    acting.warn(BEGUN)
    if changed:
        acting.did("flagged", thing)
    return True


def _parts(order: Order, before: Words, after: Words, acting: Acting) -> list[bool]:
    """Withdraw the procedures and steps that are cancelled by name or left out; bring back those named again."""
    kept = []
    former = {id(p): projection.match(before["procedures"], p) or {} for p in after["procedures"]}
    for words in after["procedures"]:
        was = former[id(words)]
        steps_were = {s.get("number"): s.get("cancelled", False) for s in was.get("steps", ())}
        steps = [s for s in words["steps"] if s.get("cancelled") or steps_were.get(s.get("number"))]
        if not (words["cancelled"] or was.get("cancelled") or steps):
            continue  # as always: nothing to look up
        found = order.procedures.filter(number=_number(order, words)).first()
        if found is None:
            continue
        if words["cancelled"]:
            changed = withdraw_procedure(found.pk, reason=after["reason"], actor=acting.actor, at=acting.at)
            kept.append(_withdrawn(found, found.reread().state, changed, acting))
            continue
        if was.get("cancelled") and found.state == order_states.CANCELLED:
            reinstate_procedure(found.pk, actor=acting.actor, at=acting.at)
            acting.did("reinstated", found)
        kept += [_step(found, s, acting) for s in steps]
    return kept


def _step(procedure: RequestedProcedure, words: Words, acting: Acting) -> bool:
    step = ScheduledStep.objects.filter(procedure=procedure, number=words.get("number", "")).first()
    if step is None:
        return False
    if words.get("cancelled"):
        changed = withdraw_step(step.pk, reason="left out", actor=acting.actor, at=acting.at)
        return _withdrawn(step, step.reread().state, changed, acting)
    if step.state == order_states.CANCELLED:
        reinstate_step(step.pk, actor=acting.actor, at=acting.at)
        acting.did("reinstated", step)
    return False


def _number(order: Order, was: Words | None) -> str:
    """The number here of the procedure that stood as ``was``."""
    if was is None:
        return ""
    for name in ("number", "study_uid", "code"):
        value = was.get(name)
        said = value[0] if name == "code" and value else value
        found = order.procedures.filter(**{name: said}).order_by("pk").first() if said else None
        if found:
            return found.number
    return ""


@subscribe(OrderReinstated, ExamDiscontinued, ExamReturned, ExamUnlinked, name="hl7.reapply_order_history")
def follow_what_was_said(event: OrderEvent) -> None:
    """Bring an order once more to all that was said of it: it stands again, or its exam has come to nothing."""
    trail = OrderTrail.objects.select_for_update(of=("self",)).filter(order=event.order_id).first()
    if trail is None:
        return
    order, picture, acting = Order.objects.get(pk=event.order_id), projection.fold(trail.said), Afterwards(event.at)
    nothing = projection.fold([])
    if isinstance(event, OrderReinstated) and order.state != order_states.CANCELLED:
        revise(order, nothing, picture, acting)
    if picture["cancelled"] or any(p["cancelled"] for p in picture["procedures"]):
        bring(order, nothing, picture, acting)
