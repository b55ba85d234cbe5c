"""What every room's API is made of: routes by id, and fields for ids, days and moments from outside."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, TypeVar

from django.db import models
from rest_framework import serializers
from rest_framework.routers import SimpleRouter

from .values import FIRST_YEAR, LAST_YEAR, MOST_ID, is_possible

M = TypeVar("M", bound=models.Model)
_YEARS = f"The year must be from {FIRST_YEAR} to {LAST_YEAR}."


class IdRouter(SimpleRouter):
    """Routes whose ``pk`` is the id of a row, in ASCII digits; any other address answers 404 before a view runs."""

    def get_lookup_regex(self, viewset: Any, lookup_prefix: str = "") -> str:
        return f"(?P<{lookup_prefix}pk>[0-9]{{1,18}})"


class IdField(serializers.IntegerField):
    """The id of a row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=MOST_ID, **kwargs)


class MomentField(serializers.DateTimeField):
    """An aware moment in a possible year (``ris.kernel.values``)."""

    def to_internal_value(self, value: Any) -> datetime:
        found: datetime = super().to_internal_value(value)
        if not is_possible(found):
            raise serializers.ValidationError(_YEARS)
        return found


class DayField(serializers.DateField):
    """A date in a possible year."""

    def to_internal_value(self, value: Any) -> date:
        found: date = super().to_internal_value(value)
        if not is_possible(found):
            raise serializers.ValidationError(_YEARS)
        return found


class ModelForm(serializers.ModelSerializer[M]):
    """A model's fields as they are read from outside: days and moments in possible years only."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateField: DayField,
        models.DateTimeField: MomentField,
    }
