"""Orders as JSON: how they are shown, and how an intent is read."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ris.kernel.api import IdField, MomentField
from ris.patients.models import Patient

from ..intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ..models import Order, RequestedProcedure, ScheduledStep


class OverbookReasonField(serializers.CharField):
    """Why a time is booked that is not free; needs the permission ``overbook``."""

    def __init__(self) -> None:
        text = "Why a time is booked that is not free; needs `overbook`."
        super().__init__(default="", allow_blank=True, max_length=120, help_text=text)


class StepSerializer(serializers.ModelSerializer[ScheduledStep]):
    """A scheduled step."""

    class Meta:
        model = ScheduledStep
        fields = [
            "id", "number", "state", "modality", "device", "station_aes", "location", "start", "minutes",
            "description", "arrived_at", "protocol_codes", "reserved_until", "overbooked", "version",
        ]  # fmt: skip


class ProcedureSerializer(serializers.ModelSerializer[RequestedProcedure]):
    """A requested procedure with its scheduled steps."""

    steps = StepSerializer(many=True)

    class Meta:
        model = RequestedProcedure
        ref_name = "RequestedProcedure"
        fields = ["id", "number", "state", "study_uid", "code", "code_text", "modality", "laterality", "steps"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order with its requested procedures and scheduled steps."""

    procedures = ProcedureSerializer(many=True)

    class Meta:
        model = Order
        fields = [
            "id", "site", "patient", "visit", "state", "accession", "placer_number", "placer_authority",
            "filler_number", "priority", "ordering_provider", "reason", "clinical_info", "comments", "placed_at",
            "source", "flags", "procedures", "version", "diagnoses", "reason_codes", "observations", "weight_kg",
            "height_m", "call_back_phone", "copies_to", "patient_class", "patient_location", "referring_provider",
            "pregnant", "practitioner", "referrer_entity", "placer_entity", "filler_entity", "group_entity",
        ]  # fmt: skip


class StepForm(serializers.Serializer[Any]):
    """A scheduled step to be placed."""

    start = MomentField(required=False)
    station_ae = serializers.CharField(required=False, max_length=16)
    minutes = serializers.IntegerField(required=False, min_value=1, max_value=1440)
    description = serializers.CharField(required=False, max_length=120)

    def intent(self, values: dict[str, Any]) -> StepIntent:
        """The intent of the validated values."""
        station = values.pop("station_ae", "")
        return StepIntent(station_aes=(station,) if station else (), **values)


class ProcedureForm(serializers.Serializer[Any]):
    """A requested procedure to be placed."""

    code = serializers.CharField(max_length=64)
    coding_system = serializers.CharField(required=False, max_length=64, default="L")
    modality = serializers.CharField(required=False, max_length=16)
    laterality = serializers.ChoiceField(["L", "R", "B"], required=False)
    steps = StepForm(many=True, required=False)

    def intent(self, values: dict[str, Any]) -> ProcedureIntent:
        """The intent of the validated values."""
        steps = tuple(StepForm().intent(step) for step in values.pop("steps", ()))
        code = Code(values.pop("code"), system=values.pop("coding_system"))
        return ProcedureIntent(code=code, steps=steps, **values)


class OrderForm(serializers.Serializer[Any]):
    """An order as a scheduler or a program enters it. Times carry an offset."""

    site = IdField()
    patient = serializers.PrimaryKeyRelatedField(queryset=Patient.objects.all())
    priority = serializers.ChoiceField(Order.PRIORITIES, default="ROUTINE")
    placer_number = serializers.CharField(required=False, max_length=64)
    placer_authority = serializers.CharField(required=False, max_length=64)
    ordering_provider = serializers.CharField(required=False, max_length=194)
    reason = serializers.CharField(required=False)
    clinical_info = serializers.CharField(required=False)
    comments = serializers.CharField(required=False)
    procedures = ProcedureForm(many=True)
    confirmed = serializers.BooleanField(default=False, help_text="Book although something speaks against it.")
    overbook_reason = OverbookReasonField()

    def intent(self, source: str) -> OrderIntent:
        """What was asked for. Call after ``is_valid``."""
        values = {
            name: value for name, value in self.validated_data.items() if name not in ("confirmed", "overbook_reason")
        }
        procedures = tuple(ProcedureForm().intent(dict(p)) for p in values.pop("procedures"))
        site_id, patient_id = values.pop("site"), values.pop("patient").pk
        return OrderIntent(site_id=site_id, patient_id=patient_id, source=source, procedures=procedures, **values)


class RescheduleForm(serializers.Serializer[Any]):
    """New time and device of a scheduled step."""

    start = MomentField()
    device = IdField()
    confirmed = serializers.BooleanField(default=False, help_text="Book although something speaks against it.")
    overbook_reason = OverbookReasonField()
    minutes = serializers.IntegerField(required=False, min_value=1, max_value=1440, help_text="Another duration.")
