"""The back office of this app."""

from __future__ import annotations

from django.contrib import admin

from ris.people.backoffice import SetUp

from .models import StaffRecord


@admin.register(StaffRecord)
class StaffRecordAdmin(SetUp):
    """When people of the house were born, so that look-ups of their own record are known; no patient is shown here."""

    list_display = ("user", "birth_date")
    fields = ("user", "birth_date")
    removable = True
