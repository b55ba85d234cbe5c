"""Set-up of the HL7 side: who sends, what their values mean, who is sent to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpRequest

from ris.kernel.errors import Invalid
from ris.people.backoffice import SetUp, SetUpForm, networks

from .models import ConformanceProfile, Destination, MapEntry, Peer
from .outbound.connection import find_tls_faults
from .outbound.options import check_destination_options
from .translation.code_tables import check_attributes
from .v2.profiles import read_profile


class PeerForm(SetUpForm):
    """Addresses are checked here: a message that comes must never meet one that cannot be read."""

    class Meta:
        model = Peer
        fields = "__all__"

    def clean_addresses(self) -> list[str]:
        """IP addresses and networks, each checked."""
        return networks(self.cleaned_data["addresses"])

    def clean_attributes(self) -> dict[str, str]:
        """Z-segment fields and the attributes they are stored in, checked."""
        try:
            return check_attributes(self.cleaned_data["attributes"])
        except Invalid as refusal:
            raise ValidationError(refusal.detail) from None


@admin.register(Peer)
class PeerAdmin(SetUp):
    """Peers in the back office."""

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


class DestinationForm(SetUpForm):
    """What nobody would ever look at is refused: a kind, filter or option that does not exist; a file that is none."""

    class Meta:
        model = Destination
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        try:
            check_destination_options(given.get("kinds", []), given.get("filters", {}), given.get("options", {}))
        except Invalid as refusal:
            self.add_error(refusal.at, refusal.detail)
        for name, wrong in find_tls_faults(given).items():
            self.add_error(name, wrong)
        return given


@admin.register(Destination)
class DestinationAdmin(SetUp):
    """What the sender keeps of a destination (pauses, failures) is shown and left to it."""

    form = DestinationForm
    list_display = ("name", "host", "port", "enabled", "paused_at", "last_error")
    readonly_fields = ("paused_at", "paused_reason", "failures", "retry_at", "last_error", "last_sent_at")


class ConformanceProfileForm(SetUpForm):
    """A conformance profile; its XML is checked before it is saved."""

    class Meta:
        model = ConformanceProfile
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        try:
            profile = read_profile(given.get("xml", ""))
        except Invalid as refusal:
            self.add_error("xml", f"{refusal.at}: {refusal.detail}")
            return given
        to = given.get("destination")
        if to and profile.version and profile.version != to.hl7_version:
            wrong = (
                f"HL7Version: it is of {profile.version}, and {to} is sent {to.hl7_version}. Give one of that version."
            )
            self.add_error("xml", wrong)
        others = ConformanceProfile.objects.filter(destination=to, structure=profile.structure)
        if to and others.exclude(pk=self.instance.pk).exists():
            self.add_error("xml", f"{to} has a profile of {profile.structure} already. Change that one.")
        self.instance.structure = profile.structure
        return given


@admin.register(ConformanceProfile)
class ConformanceProfileAdmin(SetUp):
    """A profile that cannot be read is refused with the place in it; a message that does not fit one is held."""

    form = ConformanceProfileForm
    list_display = ("destination", "structure")
    list_filter = ("destination",)
    readonly_fields = ("structure",)
    removable = True
