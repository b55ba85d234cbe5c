"""Set-up of reading: what readers read, where they may, where a shift counts, holidays, what an AI's flag is worth."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from ris.kernel.clock import now
from ris.people.backoffice import SetUp
from ris.people.http import actor_of

from .models import (
    AiPerformance,
    ClockStart,
    EscalationRoute,
    Holiday,
    Privilege,
    ReaderProfile,
    Shift,
    SiteReading,
    Skill,
)
from .services import revise_shift


@admin.register(ReaderProfile)
class ReaderProfileAdmin(SetUp):
    """Reader profiles in the back office."""

    list_display = ("user", "most_claims", "most_minutes", "seniority", "trainee", "team", "accepts_push")


@admin.register(Skill)
class SkillAdmin(SetUp):
    """Skills of readers in the back office."""

    list_display = ("reader", "subspecialty", "level", "modalities", "regions")
    list_filter = ("subspecialty", "level")
    removable = True


@admin.register(Privilege)
class PrivilegeAdmin(SetUp):
    """Privileges of readers in the back office."""

    list_display = ("reader", "site", "kind", "number", "valid_from", "valid_until")
    list_filter = ("site", "kind")
    removable = True


@admin.register(Shift)
class ShiftAdmin(SetUp):
    """Where a shift counts, and what those on call are called for; when it is, is said on the roster."""

    list_display = ("name", "reader", "kind", "first_day", "last_day", "active")
    list_filter = ("kind", "active")
    fields = ("name", "reader", "called_for", "sites", "subspecialties")
    readonly_fields = ("name", "reader")
    filter_horizontal = ("sites", "subspecialties")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Shift, form: Any, change: bool) -> None:
        """Nothing of the row itself is edited here."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Through the roster's own service, which tells the assignment."""
        values = form.cleaned_data
        revise_shift(
            form.instance.pk,
            called_for=values["called_for"],
            sites=values["sites"],
            subspecialties=values["subspecialties"],
            actor=actor_of(request),
            at=now(),
        )


@admin.register(Holiday)
class HolidayAdmin(SetUp):
    """Added and removed, not changed: the roster knows by those two that it is old."""

    list_display = ("day", "name", "site")
    removable = True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AiPerformance)
class AiPerformanceAdmin(SetUp):
    """Predictive values of AI products in the back office."""

    list_display = ("vendor", "code", "site", "urgency", "ppv", "expires_minutes")
    removable = True


@admin.register(SiteReading)
class SiteReadingAdmin(SetUp):
    """When cases of a site are opened for reading, in the back office."""

    list_display = ("site", "opens_on", "images_within")


@admin.register(ClockStart)
class ClockStartAdmin(SetUp):
    """When SLA clocks start, in the back office."""

    list_display = ("site", "urgency", "modality", "event")
    removable = True


@admin.register(EscalationRoute)
class EscalationRouteAdmin(SetUp):
    """Escalation routes in the back office."""

    list_display = ("site", "rung", "urgency", "way", "address", "active")
    list_filter = ("rung", "way", "active")
    removable = True
