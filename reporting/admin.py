"""Set-up of reporting: words of attestation, whom critical findings reach, what counts as critical."""

from __future__ import annotations

from django.contrib import admin

from ris.people.backoffice import SetUp

from .critical.forms import CriticalContactForm
from .models import AttestationText, CriticalContact, ListedFinding


@admin.register(AttestationText)
class AttestationTextAdmin(SetUp):
    """Words of attestation in the back office."""

    list_display = ("site", "agreement", "text")


@admin.register(CriticalContact)
class CriticalContactAdmin(SetUp):
    """Whom each rung of the ladder of critical findings reaches, in the back office."""

    form = CriticalContactForm
    list_display = ("rung", "site", "practitioner", "name", "way", "address", "user", "active")
    list_filter = ("rung", "way", "active")
    raw_id_fields = ("practitioner",)
    removable = True


@admin.register(ListedFinding)
class ListedFindingAdmin(SetUp):
    """What a site counts as critical, in the back office."""

    list_display = ("name", "level", "site", "active")
    list_filter = ("level", "site")
    removable = True
