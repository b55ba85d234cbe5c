"""Reviews, feedback, teaching cases and figures as JSON; blinded as the pages are."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.kernel.api import IdField

from ..models import PeerFeedback, PeerReview, TeachingCase
from .services import MOST_WORDS


class PeerReviewSerializer(serializers.ModelSerializer[PeerReview]):
    """A review, without who wrote the report and who scored it."""

    findings = serializers.CharField(source="reviewed.findings", read_only=True)
    impression = serializers.CharField(source="reviewed.impression", read_only=True)
    procedure = serializers.CharField(source="report.procedure", read_only=True)

    class Meta:
        model = PeerReview
        fields = ["id", "procedure", "findings", "impression", "state", "source", "assigned_at", "score", "note",
                  "final_score"]  # fmt: skip


class PeerFeedbackSerializer(serializers.ModelSerializer[PeerFeedback]):
    """Feedback, without who gave it."""

    class Meta:
        model = PeerFeedback
        fields = ["id", "report", "kind", "text", "conference", "given_at"]


class RatesSerializer(serializers.Serializer[Any]):
    """Of the reports signed in a modality: how many got an addendum, were corrected, retracted, or were discrepant."""

    modality = serializers.CharField()
    signed = serializers.IntegerField()
    addenda = serializers.IntegerField()
    corrected = serializers.IntegerField()
    retracted = serializers.IntegerField()
    compared = serializers.IntegerField()
    minor = serializers.IntegerField()
    major = serializers.IntegerField()


class ReasonSerializer(serializers.Serializer[Any]):
    """A reason with which a check was overridden, and how often."""

    reason = serializers.CharField()
    times = serializers.IntegerField()


class CheckFiguresSerializer(serializers.Serializer[Any]):
    """What came of it when a check spoke at a site. ``precision``: edited of edited and overridden, in percent; null
    when there was neither."""

    check = serializers.CharField()
    site = serializers.CharField(help_text="Code of the site.")
    fired = serializers.IntegerField()
    overridden = serializers.IntegerField()
    edited = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Signed over without a reason: hints.")
    nothing = serializers.IntegerField(help_text="Not signed yet, or changed later than a minute after.")
    precision = serializers.FloatField(allow_null=True)
    imprecise = serializers.BooleanField(help_text="It wants reasons, and its precision is under 80 %.")
    reasons = ReasonSerializer(many=True)


class TeachingCaseSerializer(serializers.ModelSerializer[TeachingCase]):
    """A report in the teaching file."""

    title = serializers.CharField(max_length=120)
    note = serializers.CharField(max_length=MOST_WORDS, required=False, allow_blank=True, default="")
    report = IdField(source="report_id")

    class Meta:
        model = TeachingCase
        fields = ["id", "report", "title", "note", "made_by", "made_at"]
        read_only_fields = ["made_by", "made_at"]
