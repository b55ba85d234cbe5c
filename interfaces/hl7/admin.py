"""Set-up of the HL7 side: who sends, what their values mean, who is sent to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpRequest

from ris.kernel.errors import Invalid
from ris.people.backoffice import SetUp, SetUpForm, networks

from .attributes import checked
from .models import Destination, MapEntry, Peer


class PeerForm(SetUpForm):
    """Addresses are checked here: a message that comes must never meet one that cannot be read."""

    class Meta:
        model = Peer
        fields = "__all__"

    def clean_addresses(self) -> list[str]:
        return networks(self.cleaned_data["addresses"])

    def clean_attributes(self) -> dict[str, str]:
        try:
            return checked(self.cleaned_data["attributes"])
        except Invalid as refusal:
            raise ValidationError(refusal.detail) from None


@admin.register(Peer)
class PeerAdmin(SetUp):
    form = PeerForm
    list_display = ("name", "application", "facility", "site", "enabled", "flagged")
    list_filter = ("enabled", "flagged")


@admin.register(MapEntry)
class MapEntryAdmin(SetUp):
    """The peers' version grows with each change of a line, by which kept tables are known to be old."""

    list_display = ("peer", "table", "given", "meant", "text")
    list_filter = ("table", "peer")
    search_fields = ("given", "meant")
    removable = True

    def save_model(self, request: HttpRequest, obj: MapEntry, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _tables_changed()

    def delete_model(self, request: HttpRequest, obj: MapEntry) -> None:
        super().delete_model(request, obj)
        _tables_changed()


def _tables_changed() -> None:
    """For every peer: a line may have moved from one to another, or from all to one."""
    Peer.objects.update(version=F("version") + 1)


@admin.register(Destination)
class DestinationAdmin(SetUp):
    """What the sender keeps of a destination (pauses, failures) is shown and left to it."""

    list_display = ("name", "host", "port", "enabled", "paused_at", "last_error")
    readonly_fields = ("paused_at", "paused_reason", "failures", "retry_at", "last_error", "last_sent_at")
