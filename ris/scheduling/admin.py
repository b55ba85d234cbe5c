"""Set-up of the calendar in the back office: hours, blocks, closures, durations on devices."""

from __future__ import annotations

from django.contrib import admin

from ris.catalog.models import DeviceProcedure
from ris.people.backoffice import SetUp

from .models import Block, Closure, OpeningHours, ReminderChannel


@admin.register(OpeningHours)
class OpeningHoursAdmin(SetUp):
    """When devices are open."""

    list_display = ("device", "weekday", "opens", "closes")
    list_filter = ("device",)
    removable = True


@admin.register(Block)
class BlockAdmin(SetUp):
    """Hours that are kept."""

    list_display = ("name", "device", "weekday", "opens", "closes", "release_hours")
    list_filter = ("device",)
    filter_horizontal = ("procedures",)
    removable = True


@admin.register(Closure)
class ClosureAdmin(SetUp):
    """Holidays, closures, devices that are down."""

    list_display = ("reason", "site", "device", "kind", "since", "until")
    list_filter = ("site", "kind")
    removable = True


@admin.register(DeviceProcedure)
class DeviceProcedureAdmin(SetUp):
    """How long a procedure takes on a device."""

    list_display = ("device", "procedure", "minutes", "offered")
    list_filter = ("device",)
    removable = True


@admin.register(ReminderChannel)
class ReminderChannelAdmin(SetUp):
    """Where reminders go."""

    list_display = ("site", "way", "address", "hours_before", "active")
    removable = True
