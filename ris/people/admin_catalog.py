"""Set-up of the catalog. It stands here since the catalog lies a layer below people and does not know them."""

from __future__ import annotations

from django.contrib import admin

from ris.catalog.models import Device, Procedure, Site, Subspecialty

from .backoffice import SetUp


@admin.register(Site)
class SiteAdmin(SetUp):
    """Sites in the back office."""

    list_display = ("code", "name", "time_zone", "accession_prefix", "assigning_authority")


@admin.register(Subspecialty)
class SubspecialtyAdmin(SetUp):
    """Subspecialties in the back office."""

    list_display = ("code", "name")


@admin.register(Device)
class DeviceAdmin(SetUp):
    """Devices in the back office."""

    list_display = ("ae_title", "name", "modality", "room", "site", "active")
    list_filter = ("site", "modality", "active")
    search_fields = ("ae_title", "name", "room")


@admin.register(Procedure)
class ProcedureAdmin(SetUp):
    """Procedures in the back office."""

    list_display = ("code", "coding_system", "name", "modality", "body_region", "subspecialty", "active")
    list_filter = ("modality", "subspecialty", "active")
    search_fields = ("code", "name", "cpt")
