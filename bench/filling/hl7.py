"""Many stored messages and orders at once: copies of the rows of one, made by the database itself."""

from __future__ import annotations

from typing import Any

from django.db import connection

from interfaces.hl7.inbound import intake
from interfaces.hl7.models import InboundMessage, OrderTrail
from ris.kernel.clock import now
from ris.orders.models import Order, RequestedProcedure, ScheduledStep


def fill_with(count: int) -> None:
    """``count`` messages, trails, orders, procedures and steps, each with its own numbers."""
    from bench.hl7_intake import order

    raw = order(0, "SEED", enhanced=False)[1:-2]
    (pk,) = intake.store_messages([intake.Arrival(raw, "127.0.0.1", now())])
    intake.process_message(pk, at=now())
    placed = Order.objects.get(placer_number="PSEED0")
    procedure = placed.procedures.get()
    _copy(InboundMessage, pk, count, control_id="'FILL' || n", accession="'FILL' || n")
    _copy(Order, placed.pk, count, placer_number="'FILL' || n", accession="'FILL' || n", filler_number="'FILL' || n")
    first = Order.objects.order_by("-pk").values_list("pk", flat=True)[0] - count
    procedures = {"order_id": f"{first} + n", "study_uid": "'1.2.3.' || n", "number": "'R' || n"}
    _copy(RequestedProcedure, procedure.pk, count, **procedures)
    first_procedure = RequestedProcedure.objects.order_by("-pk").values_list("pk", flat=True)[0] - count
    _copy(ScheduledStep, procedure.steps.get().pk, count, procedure_id=f"{first_procedure} + n")
    trail = OrderTrail.objects.get(order=placed)
    _copy(OrderTrail, trail.pk, count, number="'FILL' || n", order_id=f"{first} + n")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy(model: Any, pk: int, count: int, **changed: str) -> None:
    """Insert ``count`` copies of the row; ``changed`` gives SQL in terms of n, which counts from 1."""
    columns = [field.column for field in model._meta.concrete_fields if not (field.primary_key or field.generated)]
    values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
    if connection.vendor == "postgresql":
        numbers = f"generate_series(1, {count}) AS numbers(n)"
    else:
        numbers = f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
    names, table = ", ".join(f'"{column}"' for column in columns), model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}" t, {numbers} WHERE t.id = {pk}')
