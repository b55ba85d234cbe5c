"""Statements of the busiest paths, whose text the ORM builds once and not for every row.

Building the text of a statement takes the ORM several times as long as the database takes to run it.
What is asked stays written as an ordinary queryset; where its text cannot be kept, the ORM runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from django.db import connection, connections, models
from django.db.models import query as orm
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery

from .prepared import ask, change
from .transactions import current_batch

M = TypeVar("M", bound=models.Model)
Converters = list[tuple[int, list[Callable[..., Any]], Any]]


class Kept(Generic[M]):
    """A SELECT of whole rows whose values are all parameters: ``Kept(lambda a: Site.objects.filter(code=a)[:1])``.

    Every parameter of the statement is one of the values, in their order (``lambda *codes: …code__in=codes``
    is kept for each number of codes; ``filter`` takes its names by the alphabet); else, and for None, the
    ORM runs it. No patterns (``contains``, ``iexact``): the ORM writes those values another way.

    ``steady``: pieces of work that run together (``ris.kernel.db.transactions``) do not change these rows, and read
    the same ones once.
    """

    def __init__(self, rows: Callable[..., models.QuerySet[M]], *, steady: bool = False) -> None:
        self._rows, self._steady = rows, steady
        self._built: WeakKeyDictionary[Any, dict[int, _Select]] = WeakKeyDictionary()

    def all(self, *values: Any) -> list[M]:
        """The rows, for these values."""
        shared = current_batch() if self._steady else None
        if shared is None:
            return self._ask(values)
        found = shared.known.get((self, values)) or self._ask(values)
        if found:
            shared.known[self, values] = found
        return found

    def _ask(self, values: tuple[Any, ...]) -> list[M]:
        wrapper: Any = connections["default"]
        kept = self._built.setdefault(wrapper, {})
        built = kept.get(len(values))
        if built is None:
            asked = self._rows(*values)
            built = _Select(asked)
            if built.params != values or None in values:
                return list(asked)
            kept[len(values)] = built
        elif None in values or any(isinstance(value, list | tuple) for value in values):
            return list(self._rows(*values))
        return built.run(wrapper, values)

    def first(self, *values: Any) -> M | None:
        """The first of the rows, which come in the order that the queryset gives them."""
        return next(iter(self.all(*values)), None)


class _Select:
    """The text of one SELECT on one connection, and how its columns become objects."""

    def __init__(self, asked: models.QuerySet[Any]) -> None:
        compiler: Any = asked.query.get_compiler(using=asked.db)
        self.sql, params = compiler.as_sql()
        self.params = tuple(params)
        info, self._db = compiler.klass_info, asked.db
        self._model = info["model"]
        start, end = info["select_fields"][0], info["select_fields"][-1] + 1
        self._slice = slice(start, end)
        self._names = [column[0].target.attname for column in compiler.select[start:end]]
        populators: Any = orm.get_related_populators  # its stubs are of a later Django
        self._related = populators(info, compiler.select, asked.db)
        self._converters = _converters(compiler, [column[0] for column in compiler.select])

    def run(self, wrapper: Any, values: tuple[Any, ...]) -> list[Any]:
        return [self._object(_converted(row, self._converters, wrapper)) for row in ask(self.sql, values)]

    def _object(self, row: list[Any]) -> Any:
        made = self._model.from_db(self._db, self._names, row[self._slice])
        for populator in self._related:
            populator.populate(row, made)
        return made


class _Insert:
    """The text of an INSERT of one row of a model on one connection."""

    def __init__(self, row: models.Model, wrapper: Any) -> None:
        meta = row._meta
        self.filled = [f for f in meta.local_concrete_fields if f.has_db_default()]
        given = [f for f in meta.local_concrete_fields if not f.generated and f is not meta.auto_field]
        self.fields = [f for f in given if f not in self.filled]
        self._returning: list[Any] = list(meta.db_returning_fields)
        query = InsertQuery(type(row))
        query.insert_values(self.fields, [row])
        compiler: Any = query.get_compiler(connection=wrapper)
        compiler.returning_fields = self._returning
        ((self.sql, _),) = compiler.as_sql()
        self.plain = self.sql.count("%s") == len(self.fields)
        self._converters = _converters(compiler, [field.get_col(meta.db_table) for field in self._returning])

    def run(self, row: models.Model, values: list[Any], wrapper: Any) -> None:
        params = [field.get_db_prep_save(value, wrapper) for field, value in zip(self.fields, values, strict=True)]
        (returned,) = ask(self.sql, params)
        answer = _converted(returned, self._converters, wrapper)
        for field, value in zip(self._returning, answer, strict=True):
            setattr(row, field.attname, value)
        row._state.adding, row._state.db = False, wrapper.alias


class _Update:
    """The text of an UPDATE of one row of a model on any connection."""

    def __init__(self, row: models.Model, names: Sequence[str], among: Mapping[str, Collection[Any]]) -> None:
        meta: Any = row._meta
        whole = [f for f in meta.local_concrete_fields if not (f.generated or f.primary_key)]
        self.fields: list[Any] = [meta.get_field(name) for name in names] or whole
        self.guards: list[Any] = [meta.get_field(name) for name in among]
        quote = connection.ops.quote_name
        changed = ", ".join(f"{quote(field.column)} = %s" for field in self.fields)
        guards = (
            f" AND {quote(field.column)} IN ({', '.join(['%s'] * len(values))})"
            for field, values in zip(self.guards, among.values(), strict=True)
        )
        where = f"{quote(meta.pk.column)} = %s{''.join(guards)}"
        self.sql = f"UPDATE {quote(meta.db_table)} SET {changed} WHERE {where}"  # noqa: S608  (names of columns)

    def run(self, row: models.Model, among: Mapping[str, Collection[Any]]) -> bool:
        wrapper: Any = connections["default"]
        params = [field.get_db_prep_save(field.pre_save(row, add=False), wrapper) for field in self.fields]
        params.append(row.pk)
        for field, values in zip(self.guards, among.values(), strict=True):
            params += [field.get_db_prep_save(value, wrapper) for value in values]
        return change(self.sql, params) == 1


_updates: dict[tuple[Any, ...], _Update] = {}


def update(row: models.Model, *names: str, **among: Collection[Any]) -> bool:
    """Write these fields (none named: all) of a row that is there, as ``save(update_fields=names)`` does.

    But for the signals, to which nobody listens. ``among`` guards it: fields of which the row must have one of
    these values. False: no such row was there.
    """
    key = (type(row), names, tuple((name, len(values)) for name, values in among.items()))
    built = _updates.get(key) or _updates.setdefault(key, _Update(row, names, among))
    return built.run(row, among)


_inserts: WeakKeyDictionary[Any, dict[type[models.Model], _Insert]] = WeakKeyDictionary()


def insert(row: M) -> M:
    """Insert a new row, as its ``save(force_insert=True)`` does but for the signals, to which nobody listens."""
    wrapper: Any = connections["default"]
    kept = _inserts.setdefault(wrapper, {})
    built = kept.get(type(row)) or kept.setdefault(type(row), _Insert(row, wrapper))
    values: list[Any] = [field.pre_save(row, add=True) for field in built.fields]
    told = any(not isinstance(getattr(row, field.attname), DatabaseDefault) for field in built.filled)
    if not built.plain or told or row.pk is not None or any(hasattr(v, "resolve_expression") for v in values):
        row.save(force_insert=True)
    else:
        built.run(row, values, wrapper)
    return row


def save(row: models.Model) -> None:
    """Insert the row if it is new, else write all of it."""
    if row.pk is None:
        insert(row)
    else:
        update(row)


def insert_many(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model, whose keys nobody is to know: a tenth of the work of ``bulk_create``.

    Columns that the database fills by itself get what it fills in.
    """
    if not rows:
        return
    wrapper: Any = connections["default"]
    meta = rows[0]._meta
    given = [f for f in meta.local_concrete_fields if not f.generated and f is not meta.auto_field]
    fields = [field for field in given if not field.has_db_default()]
    values = [[f.get_db_prep_save(f.pre_save(row, add=True), wrapper) for f in fields] for row in rows]
    quote = wrapper.ops.quote_name
    into = f"{quote(meta.db_table)} ({', '.join(quote(field.column) for field in fields)})"
    with wrapper.cursor() as cursor:
        if wrapper.vendor != "postgresql":
            cursor.executemany(f"INSERT INTO {into} VALUES ({', '.join(['%s'] * len(fields))})", values)  # noqa: S608
            return
        with wrapper.wrap_database_errors, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)


def _converters(compiler: Any, columns: Iterable[Any]) -> Converters:
    found = compiler.get_converters(list(columns))
    return [(position, convs, column) for position, (convs, column) in found.items()]


def _converted(row: Iterable[Any], converters: Converters, wrapper: Any) -> list[Any]:
    values = list(row)
    for position, convs, column in converters:
        for convert in convs:
            values[position] = convert(values[position], column, wrapper)
    return values
