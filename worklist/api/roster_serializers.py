"""Serializers of shifts, single days, holidays and calendars."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.catalog.models import Site, Subspecialty
from ris.kernel.api import DayField, ModelForm
from ris.people.models import User
from worklist.models import Holiday, Shift, ShiftChange


class ShiftChangeSerializer(ModelForm[ShiftChange]):
    """One day of a shift that is otherwise."""

    class Meta:
        model = ShiftChange
        fields = ["id", "day", "kind", "substitute", "reason", "made_at"]
        read_only_fields = ["id", "made_at"]


class ShiftSerializer(ModelForm[Shift]):
    """A recurring shift with its changes."""

    reader_name = serializers.CharField(source="reader.display_name", read_only=True)
    sites = serializers.PrimaryKeyRelatedField(many=True, queryset=Site.objects.all(), required=False)
    subspecialties = serializers.PrimaryKeyRelatedField(many=True, queryset=Subspecialty.objects.all(), required=False)
    changes = ShiftChangeSerializer(many=True, read_only=True)

    class Meta:
        model = Shift
        fields = [
            "id", "reader", "reader_name", "name", "kind", "zone", "first_day", "last_day", "start_time", "end_time",
            "rrule", "breaks", "sites", "subspecialties", "holidays", "uid", "active", "changes", "version",
        ]  # fmt: skip
        read_only_fields = ["uid", "active", "version"]


class EndForm(serializers.Serializer[Any]):
    """The last day of a shift."""

    last_day = DayField()


class HolidaySerializer(ModelForm[Holiday]):
    """A holiday of a site, or of all."""

    class Meta:
        model = Holiday
        fields = ["id", "day", "name", "site"]


class CalendarForm(serializers.Serializer[Any]):
    """A reader's shifts as iCalendar (RFC 5545)."""

    reader = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True))
    calendar = serializers.CharField(max_length=2_000_000, trim_whitespace=False)
