"""Patients over REST: search and register."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record, record_shown
from ris.kernel.api import ModelForm
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from ..intents import PatientIntent
from ..models import Identifier, Merge, Patient
from ..selectors import patients_matching, refuse_closed, visible_patient
from ..selectors_identity import merge_for, merges_of
from ..services import resolve_patient, unmerge_patients


class IdentifierSerializer(serializers.ModelSerializer[Identifier]):
    """A number of a patient with the authority that issued it."""

    kind = serializers.CharField(default="MR", max_length=8)

    class Meta:
        model = Identifier
        fields = ["value", "authority", "kind"]
        validators: list[Any] = []  # a number that exists already finds its patient


class PatientSerializer(ModelForm[Patient]):
    """A patient with all identifiers."""

    identifiers = IdentifierSerializer(many=True)

    class Meta:
        model = Patient
        fields = [
            "id", "identifiers", "family_name", "given_name", "middle_name", "prefix", "suffix",
            "birth_date", "sex", "address", "phone", "allergies", "alerts",
        ]  # fmt: skip


class PatientsView(APIView):
    """Search by POSTing words (never in a URL), register by POSTing a person."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=PatientSerializer, responses=PatientSerializer)
    def post(self, request: Request) -> Response:
        """Register a patient, or find the one who has one of these identifiers. Needs ``place_orders``."""
        require(user_of(request), Can.PLACE_ORDERS)
        form = PatientSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said: dict[str, Any] = dict(form.validated_data)
        at = now()
        identifiers = tuple((i["value"], i["authority"], i["kind"]) for i in said.pop("identifiers"))
        refuse_closed(user_of(request), identifiers)
        intent = PatientIntent(identifiers=identifiers, message_at=at, **said)
        patient = resolve_patient(intent, actor=actor_of(request), at=at, authoritative=False)
        return Response(PatientSerializer(patient).data, status=status.HTTP_201_CREATED)


class SearchForm(serializers.Serializer[Any]):
    """A text to find patients by."""

    text = serializers.CharField(min_length=2, help_text="At least two letters of the name, or an identifier.")


class PatientSearchView(APIView):
    """Patients by name or identifier; the words travel in the body, so no log or history keeps them."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=SearchForm, responses=PatientSerializer(many=True))
    def post(self, request: Request) -> Response:
        """Patients that match the text, at most 50, each audited. By POST, so that no name stands in a URL."""
        require(user_of(request), Can.SEE_ORDERS)
        form = SearchForm(data=request.data)
        form.is_valid(raise_exception=True)
        matching = patients_matching(form.validated_data["text"], user_of(request)).prefetch_related("identifiers")
        patients = list(matching[:50])
        shown = ((patient, patient.pk) for patient in patients)
        record_shown(actor_of(request), "patients.search", shown, at=now())
        return Response(PatientSerializer(patients, many=True).data)


class PatientView(APIView):
    """One patient."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=PatientSerializer, parameters=[OpenApiParameter("patient_id", int, "path")])
    def get(self, request: Request, patient_id: int) -> Response:
        """One patient; seeing them is audited."""
        user = user_of(request)
        require(user, Can.SEE_ORDERS)
        patient = visible_patient(user, patient_id)
        record(actor_of(request), "patient.view", patient, patient_id=patient.pk, at=now())
        return Response(PatientSerializer(patient).data)


class MergeSerializer(serializers.ModelSerializer[Merge]):
    """``moved``: what moved by it. ``since``: what came while the two were one and stayed; ids by kind."""

    class Meta:
        model = Merge
        fields = [
            "id", "survivor", "retired", "merged_at", "actor", "moved", "since", "separated_at", "separated_by",
            "reason",
        ]  # fmt: skip
        read_only_fields = fields


class MergesView(APIView):
    """The merges of a patient."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=MergeSerializer(many=True), parameters=[OpenApiParameter("patient_id", int, "path")])
    def get(self, request: Request, patient_id: int) -> Response:
        """What was merged into the patient, and what was separated again."""
        user = user_of(request)
        require(user, Can.SEE_ORDERS)
        patient = visible_patient(user, patient_id)
        record(actor_of(request), "patient.view", patient, patient_id=patient.pk, at=now())
        return Response(MergeSerializer(merges_of(patient), many=True).data)


class SeparateView(APIView):
    """Undoes a merge."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ReasonForm, responses=MergeSerializer)
    def post(self, request: Request, merge_id: int) -> Response:
        """Undo a merge. Needs ``separate_patients``. Doing it again changes nothing."""
        user = user_of(request)
        require(user, Can.SEPARATE_PATIENTS)
        form = ReasonForm(data=request.data)
        form.is_valid(raise_exception=True)
        merge = merge_for(user, merge_id)
        done = unmerge_patients(merge.pk, reason=form.validated_data["reason"], actor=actor_of(request), at=now())
        return Response(MergeSerializer(done).data)
