"""Many new rows of one model with one statement, which answers with their keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.db import connection, connections, models, transaction

from .prepared import ask
from .statements import insert


class Many:
    """New rows given as values: where making objects costs more than writing them.

    Said are these fields, as the database takes them; the others are as ever.
    """

    def __init__(self, model: type[models.Model], *names: str) -> None:
        self._model, self._names = model, names

    @cached_property
    def _said(self) -> list[Any]:
        return [self._model._meta.get_field(name) for name in self._names]

    @cached_property
    def _unsaid(self) -> list[Any]:
        meta = self._model._meta
        filled = (f for f in meta.local_concrete_fields if f.primary_key or f.generated or f.has_db_default())
        known = {*self._said, *filled}
        return [f for f in meta.local_concrete_fields if f not in known]

    @cached_property
    def _sql(self) -> str:
        quote = connection.ops.quote_name
        meta: Any = self._model._meta
        columns = ", ".join(quote(field.column) for field in [*self._said, *self._unsaid])
        into = f"INSERT INTO {quote(meta.db_table)} ({columns})"
        returning = f"RETURNING {quote(meta.pk.column)}"
        if connection.vendor != "postgresql":
            return f"{into} VALUES ({', '.join(['%s'] * (len(self._said) + len(self._unsaid)))}) {returning}"
        arrays = ", ".join(f"(%s)::{_type(field)}[]" for field in self._said)
        alike = "".join(f", (%s)::{_type(field)}" for field in self._unsaid)
        numbered = ", ".join(f"said.c{n}" for n in range(len(self._said)))
        names = ", ".join(f"c{n}" for n in range(len(self._said)))
        # WITH, so that the parameters stand in the order of the columns
        return (
            f"WITH said AS (SELECT * FROM UNNEST({arrays}) AS u({names})) "  # noqa: S608  (names of columns)
            f"{into} SELECT {numbered}{alike} FROM said {returning}"
        )

    def insert(self, rows: Sequence[Sequence[Any]]) -> list[int]:
        """Insert them in their order, all or none; return their keys."""
        wrapper: Any = connections["default"]
        alike = [field.get_db_prep_save(field.get_default(), wrapper) for field in self._unsaid]
        if wrapper.vendor != "postgresql":  # whose statements are calls: one for each costs nothing more
            with transaction.atomic(savepoint=False):
                return [ask(self._sql, [*row, *alike])[0][0] for row in rows]
        columns = [list(column) for column in zip(*rows, strict=True)]
        return [pk for (pk,) in ask(self._sql, [*columns, *alike])] if rows else []


class _InsertAll:
    """INSERTs of many rows of a model."""

    def __init__(self, model: type[models.Model]) -> None:
        given = [f for f in model._meta.local_concrete_fields if not (f.generated or f.primary_key)]
        self.fields: list[Any] = [f for f in given if not f.has_db_default()]
        self._many = Many(model, *(field.name for field in self.fields))

    def run(self, rows: Sequence[models.Model], wrapper: Any) -> None:
        values = (
            [field.get_db_prep_save(field.pre_save(row, add=True), wrapper) for field in self.fields] for row in rows
        )
        for row, pk in zip(rows, self._many.insert(list(values)), strict=True):
            row.pk, row._state.adding, row._state.db = pk, False, wrapper.alias


_insert_alls: dict[type[models.Model], _InsertAll] = {}


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model with one statement, in their order.

    What the database fills in, but for the keys, is not read back.
    """
    if len(rows) == 1:
        insert(rows[0])
    elif rows:
        model = type(rows[0])
        built = _insert_alls.get(model) or _insert_alls.setdefault(model, _InsertAll(model))
        built.run(rows, connections["default"])


def _type(field: Any) -> str:
    """Without its length, so that what is too long is refused and not cut."""
    return str(field.db_type(connection)).split("(")[0]
