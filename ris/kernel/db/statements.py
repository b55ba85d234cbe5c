"""Statements of the busiest paths: SELECT, INSERT and UPDATE of whole rows, whose text is built once.

To build the text of a statement takes the ORM several times as long as the database takes to run it; together they
are two thirds of the time of an applied order. The SELECTs stand by name in a module ``prepared_queries`` of the wing
that asks them. Signals are not sent: nobody listens to them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from django.db import connection, models, transaction

from .prepared import ask, change
from .transactions import current_batch

M = TypeVar("M", bound=models.Model)


class PreparedQuery(Generic[M]):
    """A SELECT of whole rows: ``PreparedQuery(lambda code: Site.objects.filter(code=code)[:1])``.

    Every parameter of the statement is one of the values, in their order; ``filter`` sorts its names by the alphabet.
    ``lambda *codes: …code__in=codes`` is one statement for each number of codes. Where a value is None, a list, or no
    plain parameter, the ORM runs the queryset. No patterns (``contains``, ``iexact``): they change their value.
    ``related``: foreign keys whose rows are read along, an outer one before its inner (``patient``,
    ``patient__merged_into``). ``steady``: pieces of one batch do not change these rows, and read them once;
    ``none_added``: nor do they add any, so that none is an answer too.
    """

    def __init__(
        self,
        rows: Callable[..., models.QuerySet[M]],
        *,
        related: Sequence[str] = (),
        steady: bool = False,
        none_added: bool = False,
    ) -> None:
        self._rows, self._related, self._steady, self._none_added = rows, related, steady, none_added
        self._selects: dict[int, _Select] = {}

    def all(self, *values: Any) -> list[M]:
        """The rows, for these values."""
        batch = current_batch() if self._steady else None
        if batch is None:
            return self._ask(values)
        known: list[M] | None = batch.known.get((self, values))
        rows = self._ask(values) if known is None else known
        if rows or self._none_added:  # what is missing may be written by a later piece of the batch
            batch.known[self, values] = rows
        return rows

    def first(self, *values: Any) -> M | None:
        """The first of the rows, which come in the order that the queryset gives them."""
        return next(iter(self.all(*values)), None)

    def _ask(self, values: tuple[Any, ...]) -> list[M]:
        # None is "IS NULL", and a list is one value but many parameters: the text would be another.
        plain = not any(value is None or isinstance(value, list | tuple) for value in values)
        select = self._selects.get(len(values)) if plain else None
        if select is None:
            queryset = self._rows(*values)
            select = _Select(queryset, self._related) if plain else None
            if select is None or select.params != values:
                return list(queryset.select_related(*self._related) if self._related else queryset)
            self._selects[len(values)] = select
        return select.run(values)


class _Select:
    """The text of one SELECT, and how its columns become objects."""

    def __init__(self, queryset: models.QuerySet[Any], related: Sequence[str]) -> None:
        self._parts: list[tuple[str, str, type[models.Model], list[str], slice]] = []
        self._converters: list[tuple[int, Callable[..., Any], Any]] = []
        names: list[str] = []
        for path in ["", *related]:
            owner, _, name = path.rpartition("__")
            model: Any = queryset.model
            for part in filter(None, path.split("__")):
                model = model._meta.get_field(part).related_model
            fields = model._meta.concrete_fields
            for position, field in enumerate(fields, start=len(names)):
                column = field.get_col(model._meta.db_table)
                of_field = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]
                self._converters += [(position, convert, column) for convert in of_field]
            columns = slice(len(names), len(names) + len(fields))
            self._parts.append((owner, name, model, [field.attname for field in fields], columns))
            names += [f"{path}__{field.attname}" if path else field.attname for field in fields]
        # values_list fixes the order of the columns, and joins what is related.
        self.sql, params = queryset.values_list(*names).query.sql_with_params()
        self.params = tuple(params)

    def run(self, values: tuple[Any, ...]) -> list[Any]:
        return [self._object(list(row)) for row in ask(self.sql, values)]

    def _object(self, cells: list[Any]) -> Any:
        for position, convert, column in self._converters:
            cells[position] = convert(cells[position], column, connection)
        objects: dict[str, Any] = {}
        for owner, name, model, names, columns in self._parts:
            values = cells[columns]
            # The primary key is the first column of all our models; it is NULL where an outer join met no row.
            row = model.from_db("default", names, values) if values[0] is not None else None
            objects[f"{owner}__{name}" if owner else name] = row
            if name and objects[owner] is not None:
                setattr(objects[owner], name, row)
        return objects[""]


class BulkInsert:
    """New rows given as values of the named fields, as the database takes them; other fields get their defaults."""

    def __init__(self, model: type[models.Model], *names: str) -> None:
        self._model, self._names = model, names

    @cached_property
    def _given(self) -> list[Any]:
        return [self._model._meta.get_field(name) for name in self._names]

    @cached_property
    def _defaulted(self) -> list[Any]:
        return [field for field in written_fields(self._model) if field not in self._given]

    @cached_property
    def _ends(self) -> tuple[str, str]:
        quote = connection.ops.quote_name
        meta: Any = self._model._meta
        columns = ", ".join(quote(field.column) for field in [*self._given, *self._defaulted])
        return f"INSERT INTO {quote(meta.db_table)} ({columns})", f"RETURNING {quote(meta.pk.column)}"

    @cached_property
    def _one(self) -> str:
        into, returning = self._ends
        return f"{into} VALUES ({', '.join(['%s'] * (len(self._given) + len(self._defaulted)))}) {returning}"

    @cached_property
    def _many(self) -> str:
        """PostgreSQL only. WITH, so that the parameters stand in the order of the columns."""
        into, returning = self._ends
        arrays = ", ".join(f"(%s)::{_type(field)}[]" for field in self._given)
        names = ", ".join(f"c{n}" for n in range(len(self._given)))
        defaults = "".join(f", (%s)::{_type(field)}" for field in self._defaulted)
        return (
            f"WITH given AS (SELECT * FROM UNNEST({arrays}) AS u({names})) "  # noqa: S608  (names of columns)
            f"{into} SELECT {names}{defaults} FROM given {returning}"
        )

    def insert(self, rows: Sequence[Sequence[Any]]) -> list[int]:
        """Insert them in their order, all or none; return their keys."""
        defaults = [field.get_db_prep_save(field.get_default(), connection) for field in self._defaulted]
        if connection.vendor == "postgresql" and len(rows) > 1:
            columns = [list(column) for column in zip(*rows, strict=True)]
            return [pk for (pk,) in ask(self._many, [*columns, *defaults])]
        # SQLite's statements are calls, not messages: one for each row costs nothing more.
        with transaction.atomic(savepoint=False):
            return [ask(self._one, [*row, *defaults])[0][0] for row in rows]


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model with one statement, in their order; they get their keys.

    What else the database fills in is not read back.
    """
    if not rows:
        return
    fields, bulk = _insert_of(type(rows[0]))
    values = [[field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields] for row in rows]
    for row, pk in zip(rows, bulk.insert(values), strict=True):
        row.pk, row._state.adding, row._state.db = pk, False, "default"


def insert(row: M) -> M:
    """Insert a new row, as its ``save(force_insert=True)`` does; return it with its key."""
    insert_all([row])
    return row


def save(row: models.Model) -> None:
    """Insert the row if it is new, else write all of it."""
    if row.pk is None:
        insert(row)
    else:
        update(row)


def update(row: models.Model, *names: str, **among: Collection[Any]) -> bool:
    """Write these fields (none named: all) of a row that is there, as ``save(update_fields=names)`` does.

    ``among`` guards it: fields of which the row must have one of these values. False: no such row was there.
    """
    sql, fields, guards = _update_of(type(row), names, tuple((name, len(values)) for name, values in among.items()))
    params = [field.get_db_prep_save(field.pre_save(row, add=False), connection) for field in fields]
    params.append(row.pk)
    for field, values in zip(guards, among.values(), strict=True):
        params += [field.get_db_prep_save(value, connection) for value in values]
    return change(sql, params) == 1


def written_fields(model: type[models.Model]) -> list[Any]:
    """Fields that an INSERT or UPDATE writes: neither the key nor what the database fills in by itself."""
    fields: list[Any] = list(model._meta.concrete_fields)
    return [field for field in fields if not (field.primary_key or field.generated or field.has_db_default())]


@cache
def _insert_of(model: type[models.Model]) -> tuple[list[Any], BulkInsert]:
    fields = written_fields(model)
    return fields, BulkInsert(model, *(field.name for field in fields))


@cache
def _update_of(
    model: type[models.Model], names: tuple[str, ...], among: tuple[tuple[str, int], ...]
) -> tuple[str, list[Any], list[Any]]:
    """Text of an UPDATE of one row, the fields that it writes and those that guard it."""
    meta: Any = model._meta
    fields = [meta.get_field(name) for name in names] or written_fields(model)
    guards = [meta.get_field(name) for name, _ in among]
    quote = connection.ops.quote_name
    changes = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    conditions = [f"{quote(meta.pk.column)} = %s"]
    conditions += [
        f"{quote(field.column)} IN ({', '.join(['%s'] * number)})"
        for field, (_, number) in zip(guards, among, strict=True)
    ]
    sql = f"UPDATE {quote(meta.db_table)} SET {changes} WHERE {' AND '.join(conditions)}"  # noqa: S608  (columns)
    return sql, fields, guards


def _type(field: Any) -> str:
    """Without its length, so that what is too long is refused and not cut."""
    return str(field.db_type(connection)).split("(")[0]
