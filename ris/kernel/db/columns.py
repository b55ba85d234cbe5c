"""Columns: what fits into one, asked before PostgreSQL refuses what SQLite would keep; how long a JSON list is;
texts that are encrypted under the key ring, so that a copy of the database does not show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

from ..errors import Invalid
from ..values import key_ring


def check_values(model: type[models.Model], values: Mapping[str, Any], *, at: str = "") -> None:
    """Raise Invalid at the first text that its column of ``model`` cannot hold: too long, or none of its choices.

    ``values`` are by name of the column; other names, empty values and those that are no texts, pass. ``at`` stands
    before the name, such as ``procedures``.
    """
    columns = _texts_of(model)
    for name, value in values.items():
        if not value or not isinstance(value, str) or name not in columns:
            continue
        most, choices = columns[name]
        if len(value) > most:
            raise Invalid(f"At most {most} characters are kept here. Shorten it.", at=f"{at}.{name}".lstrip("."))
        if choices and value not in choices:
            named = ", ".join(filter(None, choices))
            raise Invalid(f"This is one of {named}, or empty.", at=f"{at}.{name}".lstrip("."))


@lru_cache(maxsize=64)
def _texts_of(model: type[models.Model]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Name of each column of limited text → characters at most, and its choices (empty: any)."""
    texts = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.CharField) and field.max_length:
            texts[field.name] = field.max_length, tuple(str(value) for value, _ in field.flatchoices)
    return texts


class JSONLength(models.Func):
    """Length of a JSON list on both databases: ``JSONLength("station_aes")`` in a query or a generated column."""

    function = "JSON_ARRAY_LENGTH"
    output_field = models.IntegerField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return super().as_sql(compiler, connection, function="JSONB_ARRAY_LENGTH", **context)


class SealedTextField(models.TextField):  # type: ignore[type-arg]  # generic in the stubs only
    """Encrypted when it is saved, in the clear when it is read (raises KeyMissing); the empty text stays empty.

    The same text gives the same ciphertext under the same key, so it can be looked up and be unique.
    """

    def get_prep_value(self, value: Any) -> Any:
        """The ciphertext."""
        text = super().get_prep_value(value)
        return key_ring.encrypt_alike(text) if text else text

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """The text."""
        return key_ring.decrypt_alike(value) if value else value
