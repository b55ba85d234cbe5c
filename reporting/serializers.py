"""Reports as JSON, and what the calls about them are sent."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ris.kernel.values import MOST_NUMBER
from ris.orders.result_delivery import ResultDelivery, list_deliveries
from ris.people.http import user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .checks import SECTIONS, Text, remarks
from .models import AGREEMENTS, CRITICAL_LEVELS, RETRACTIONS, Report, ReportVersion
from .services.handovers import undecided_handover


class VersionSerializer(serializers.ModelSerializer[ReportVersion]):
    """A released version. How far its signer agreed with the preliminary is shown to those who read cases."""

    author_name = serializers.CharField(source="author.display_name", read_only=True)
    overrides = serializers.SerializerMethodField()

    class Meta:
        model = ReportVersion
        fields = [
            "id", "number", "edition", "kind", "retraction", *SECTIONS, "addendum", "reason", "critical_level",
            "critical_finding", "critical_at", "author", "author_name", "first_author", "agreement", "agreement_note",
            "signed_at", "sha256", "overrides", "contributors", "attestation",
        ]  # fmt: skip

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        shown = super().get_fields()
        request = self.context.get("request")
        if request is not None and Can.READ_CASES not in permissions_of(user_of(request)):
            del shown["agreement"], shown["agreement_note"]
        return shown

    def get_overrides(self, version: ReportVersion) -> dict[str, str]:
        """Overridden checks of the version, with the reasons."""
        return {row.check_name: row.reason for row in version.overrides.all()}


class DeliverySerializer(serializers.Serializer[ResultDelivery]):
    """How far one system has the report: ``waiting``, ``accepted``, ``stuck`` or ``skipped``, since when and why."""

    system = serializers.CharField()
    state = serializers.CharField()
    at = serializers.DateTimeField()
    reason = serializers.CharField()
    attempts = serializers.IntegerField()


class WithDeliveries(serializers.Serializer[Report]):
    """Adds ``deliveries``: to which systems the report went, read once for all reports of a list."""

    deliveries = serializers.SerializerMethodField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known: dict[int, list[ResultDelivery]] = {}

    @extend_schema_field(DeliverySerializer(many=True))
    def get_deliveries(self, report: Report) -> list[dict[str, Any]]:
        """One entry for each system that is sent the report."""
        if report.procedure_id not in self._known:
            listed = getattr(self.parent, "instance", None)
            rows = listed if isinstance(listed, (list, tuple)) else [report]
            self._known |= list_deliveries([row.procedure_id for row in rows])
        return [dict(DeliverySerializer(delivery).data) for delivery in self._known[report.procedure_id]]


class ReportSerializer(WithDeliveries, serializers.ModelSerializer[Report]):
    """A report; the draft's text is shown to those who read cases, others see the released versions."""

    accession = serializers.CharField(source="item.accession", read_only=True)
    remarks = serializers.SerializerMethodField()
    handover = serializers.SerializerMethodField()

    class Meta:
        model = Report
        fields = [
            "id", "item", "procedure", "accession", "state", "author", *SECTIONS, "critical_level", "critical_finding",
            "critical_at", "revision", "saved_at", "common_with", "remarks", "handover", "deliveries",
        ]  # fmt: skip

    def get_remarks(self, report: Report) -> list[dict[str, str]]:
        """What the checks say of the draft."""
        text = Text(**{name: getattr(report, name) for name in SECTIONS})
        return [{"check": r.check, "section": r.section, "sentence": r.sentence} for r in remarks(text)]

    def get_handover(self, report: Report) -> dict[str, Any]:
        """Unsigned words of another that wait for the caller's decision: author, name, moment, sections; or nothing."""
        request = self.context.get("request")
        waiting = undecided_handover(report, user_of(request)) if request is not None else None
        if waiting is None:
            return {}
        name = waiting.from_author.display_name
        return {"author": waiting.from_author_id, "author_name": name, "saved_at": waiting.saved_at,
                "sections": waiting.sections}  # fmt: skip


class ReleasedReportSerializer(WithDeliveries, serializers.ModelSerializer[Report]):
    """The same for those who do not read cases: no draft text, which may be ahead of what was released."""

    accession = serializers.CharField(source="item.accession", read_only=True)

    class Meta:
        model = Report
        fields = ["id", "item", "procedure", "accession", "state", "author", "deliveries"]


class CriticalForm(serializers.Serializer[Any]):
    """A critical finding: both, or neither."""

    critical_level = serializers.ChoiceField(CRITICAL_LEVELS, required=False, allow_blank=True)
    critical_finding = serializers.CharField(required=False, allow_blank=True, max_length=500)


class TextForm(CriticalForm):
    """The sections; one that is left out stays as it is."""

    revision = serializers.IntegerField(min_value=0, max_value=MOST_NUMBER)
    technique = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    comparison = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    findings = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    impression = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class OverridesForm(serializers.Serializer[Any]):
    """Checks that the signer overrides, each with a reason."""

    overrides = serializers.DictField(child=serializers.CharField(max_length=250), required=False, default=dict)


class ReleaseForm(OverridesForm):
    """Which revision of the draft is released."""

    revision = serializers.IntegerField(min_value=1, max_value=MOST_NUMBER)


class PreliminaryForm(ReleaseForm):
    """Who is to sign it, if the author chooses."""

    supervisor = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), required=False, allow_null=True
    )


class SignForm(ReleaseForm):
    """How far the signer agrees goes with a signature over another's preliminary."""

    agreement = serializers.ChoiceField(AGREEMENTS, required=False, allow_blank=True)
    agreement_note = serializers.CharField(required=False, allow_blank=True, max_length=500)


class CorrectionForm(TextForm, OverridesForm):
    """The whole text of a correction, and why it is made."""

    reason = serializers.CharField(max_length=250)


class RetractionForm(serializers.Serializer[Any]):
    """Why a whole report is taken back, and whether the exam is read again."""

    cause = serializers.ChoiceField(RETRACTIONS)
    reason = serializers.CharField(max_length=250)
    read_again = serializers.BooleanField(default=True)
    only = serializers.BooleanField(default=False, help_text="Of a common report: of this exam alone.")


class AddendumForm(CriticalForm):
    """Text of an addendum."""

    text = serializers.CharField(trim_whitespace=False)
    only = serializers.BooleanField(default=False, help_text="Of a common report: to this exam alone.")


class CommonForm(serializers.Serializer[Any]):
    """Another exam of a common report."""

    exam = serializers.IntegerField(min_value=1, max_value=MOST_NUMBER, help_text="Its reading item.")
