"""Set-up of reporting: what a signer attests over a trainee's report."""

from __future__ import annotations

from django.contrib import admin

from ris.people.backoffice import SetUp

from .models import AttestationText


@admin.register(AttestationText)
class AttestationTextAdmin(SetUp):
    """Words of attestation in the back office."""

    list_display = ("site", "agreement", "text")
