"""Set-up of the DICOM side: how devices are spoken to, archives, MPPS targets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ris.kernel.clock import now
from ris.people.backoffice import SetUp, SetUpForm, networks
from ris.people.http import actor_of

from .availability.webhook import issue_webhook_token
from .models import AiAlgorithm, Archive, DeviceProfile, MppsTarget, PriorDestination, ReportRoute


class ProfileForm(SetUpForm):
    """Lists are checked here: a scanner that calls must never meet one that cannot be read."""

    class Meta:
        model = DeviceProfile
        fields = "__all__"

    def clean_addresses(self) -> list[str]:
        """IP addresses and networks, each checked."""
        return networks(self.cleaned_data["addresses"])

    def clean_left_out(self) -> list[str]:
        """Tags of attributes to leave out of answers: eight hexadecimal digits each."""
        given: list[str] = self.cleaned_data["left_out"]
        if not all(len(tag) == 8 and set(tag.lower()) <= set("0123456789abcdef") for tag in given):
            raise forms.ValidationError("Give tags of eight hexadecimal digits, as [“00102110”].")
        return given

    def clean_modality_map(self) -> dict[str, list[str]]:
        """Each modality with the list of modalities it stands for."""
        given: dict[str, list[str]] = self.cleaned_data["modality_map"]
        if not all(
            isinstance(meant, list) and all(isinstance(modality, str) for modality in meant) for meant in given.values()
        ):
            raise forms.ValidationError("Give a list for each modality, as {“CT”: [“CT”, “PT”]}.")
        return given


@admin.register(DeviceProfile)
class DeviceProfileAdmin(SetUp):
    """Device profiles in the back office; the device of a profile cannot be changed."""

    form = ProfileForm
    list_display = ("device", "completes_by_images", "require_tls", "character_set", "own_ae_only", "all_sites")
    removable = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("device",) if obj else ()


@admin.register(Archive)
class ArchiveAdmin(SetUp):
    """Archives in the back office."""

    list_display = ("name", "ae_title", "host", "port", "poll", "destination", "enabled")
    actions = ("new_webhook_token",)

    @admin.action(description="Issue a new token for the stable-study callback", permissions=["change"])
    def new_webhook_token(self, request: HttpRequest, queryset: QuerySet[Archive]) -> HttpResponse | None:
        """Shown once, on the answer itself, so that it is kept nowhere."""
        if len(chosen := list(queryset[:2])) != 1:
            self.message_user(request, "Choose one archive.", messages.WARNING)
            return None
        token = issue_webhook_token(chosen[0], actor=actor_of(request), at=now())
        context = self.admin_site.each_context(request) | {"archive": chosen[0], "token": token, "title": "New token"}
        return render(request, "admin/dicom/archive/token.html", context)


@admin.register(MppsTarget)
class MppsTargetAdmin(SetUp):
    """Systems to which MPPS messages are forwarded, in the back office."""

    list_display = ("name", "ae_title", "host", "port", "enabled")


class RouteForm(SetUpForm):
    """What would never be sent is refused here, not found out later."""

    class Meta:
        model = ReportRoute
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if not values.get("sr") and not values.get("pdf"):
            raise forms.ValidationError("Choose a form: Basic Text SR, Encapsulated PDF, or both.")
        archive = values.get("archive")
        if values.get("way") == ReportRoute.STOW and archive and not archive.dicomweb:
            raise forms.ValidationError("STOW-RS needs the archive's DICOMweb address: give it there first.")
        return values


@admin.register(ReportRoute)
class ReportRouteAdmin(SetUp):
    """Report routes in the back office."""

    form = RouteForm
    list_display = ("archive", "site", "sr", "pdf", "way", "preliminary", "rejects", "enabled")
    removable = True


class DestinationForm(SetUpForm):
    """A prior destination is of a site or of a reader, never of both."""

    class Meta:
        model = PriorDestination
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if bool(values.get("site")) == bool(values.get("reader")):
            raise forms.ValidationError("Choose a site or a reader.")
        return values


@admin.register(PriorDestination)
class PriorDestinationAdmin(SetUp):
    """Prior destinations in the back office."""

    form = DestinationForm
    list_display = ("ae_title", "site", "reader")
    removable = True


class AlgorithmForm(SetUpForm):
    """Lists are checked here: a rule that cannot be read would fail when an exam completes."""

    class Meta:
        model = AiAlgorithm
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        for name in ("modalities", "regions", "procedures"):
            given = values.get(name)
            if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
                raise forms.ValidationError({name: "Give a list of texts, as [“CT”, “MR”]; an empty one means all."})
        return values


@admin.register(AiAlgorithm)
class AiAlgorithmAdmin(SetUp):
    """Algorithms, and which exams each is given, in the back office."""

    form = AlgorithmForm
    list_display = ("name", "label", "site", "waits", "expires_minutes", "enabled")
