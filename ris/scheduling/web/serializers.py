"""The calendar as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.kernel.api import IdField, MomentField

from ..models import Block, Closure, Hold, OpeningHours
from ..models.openings import WEEKDAYS


class SlotForm(serializers.Serializer[Any]):
    """The question for free times. ``procedure`` may be said several times, in the order of the exams."""

    procedure = serializers.ListField(child=IdField(), min_length=1, max_length=4)
    site = serializers.ListField(child=IdField(), required=False, default=list, max_length=50)
    device = IdField(required=False)
    earliest = MomentField(required=False)
    latest = MomentField(required=False)
    gap_minutes = serializers.IntegerField(default=0, min_value=0, max_value=1440)
    longest_wait_minutes = serializers.IntegerField(default=60, min_value=0, max_value=1440)
    urgent = serializers.BooleanField(default=False)
    most = serializers.IntegerField(default=3, min_value=1, max_value=20)


class SlotSerializer(serializers.Serializer[Any]):
    """One exam at a free time."""

    procedure = IdField(source="procedure.pk")
    device = IdField(source="device.pk")
    ae_title = serializers.CharField(source="device.ae_title")
    start = serializers.DateTimeField()
    minutes = serializers.IntegerField()


class WhyNotSerializer(serializers.Serializer[Any]):
    """Why an exam cannot begin on the device from ``start`` until before ``end``."""

    device = IdField(source="device.pk")
    ae_title = serializers.CharField(source="device.ae_title")
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    why = serializers.CharField()


class SlotsSerializer(serializers.Serializer[Any]):
    """Visits, soonest first, each with its exams; and why not sooner."""

    visits = serializers.ListField(child=SlotSerializer(many=True))
    not_sooner = WhyNotSerializer(many=True)


class HoldForm(serializers.Serializer[Any]):
    """A time to be held while a form is filled in."""

    device = IdField()
    start = MomentField()
    minutes = serializers.IntegerField(min_value=1, max_value=1440)


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """A held time."""

    class Meta:
        model = Hold
        fields = ["id", "device", "start", "until", "expires_at"]


class OpeningHoursSerializer(serializers.ModelSerializer[OpeningHours]):
    """When a device is open, by its site's clock."""

    class Meta:
        model = OpeningHours
        fields = ["id", "device", "weekday", "opens", "closes"]


class OpeningHoursForm(serializers.Serializer[Any]):
    """Opening hours to be added. ``closes`` 00:00 is the end of the day."""

    device = IdField()
    weekday = serializers.ChoiceField(WEEKDAYS)
    opens = serializers.TimeField()
    closes = serializers.TimeField()


class BlockSerializer(serializers.ModelSerializer[Block]):
    """Hours that are kept for some procedures, or for urgent exams."""

    class Meta:
        model = Block
        fields = ["id", "device", "weekday", "opens", "closes", "name", "procedures", "release_hours"]


class BlockForm(OpeningHoursForm):
    """A block to be kept."""

    name = serializers.CharField(max_length=60)
    procedures = serializers.ListField(child=IdField(), default=list, max_length=100)
    release_hours = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=32767)


class ClosureSerializer(serializers.ModelSerializer[Closure]):
    """A time in which a device, or a whole site, takes no exams."""

    class Meta:
        model = Closure
        fields = ["id", "site", "device", "kind", "since", "until", "reason"]


class ClosureForm(serializers.Serializer[Any]):
    """A closure to be made; without a device of the whole site."""

    site = IdField()
    device = IdField(required=False, allow_null=True)
    kind = serializers.ChoiceField(Closure.KINDS, default=Closure.CLOSED)
    since = MomentField()
    until = MomentField()
    reason = serializers.CharField(max_length=120)
