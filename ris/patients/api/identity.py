"""Who is who over REST: questions of identity, and possible duplicates."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.kernel.api import IdField
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from ..models import IdentityQuestion, PossibleDuplicate
from ..selectors_identity import duplicate_for, duplicates_for, identity_question_for, identity_questions_for
from ..services import decide_identity, keep_apart, merge_duplicate


class IdentityQuestionSerializer(serializers.ModelSerializer[IdentityQuestion]):
    """``said`` beside what is known of ``patient``; ``differing`` names the traits that do not fit."""

    class Meta:
        model = IdentityQuestion
        fields = [
            "id", "patient", "said", "verdict", "differing", "source", "held", "state", "asked_at", "last_at", "times",
            "decided_at", "decided_by", "reason",
        ]  # fmt: skip
        read_only_fields = fields


class IdentityForm(ReasonForm):
    """Whether it is the same person, and how one knows."""

    same = serializers.BooleanField()


class IdentityQuestionsView(APIView):
    """Questions of identity that wait for a person."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=IdentityQuestionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The open ones about patients at the caller's sites, at most 200. Needs ``separate_patients``."""
        user = user_of(request)
        require(user, Can.SEPARATE_PATIENTS)
        rows = list(identity_questions_for(user)[:200])
        for row in rows:
            record(actor_of(request), "patient.view", row.patient, patient_id=row.patient_id, at=now())
        return Response(IdentityQuestionSerializer(rows, many=True).data)


class IdentityQuestionView(APIView):
    """Decides one."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=IdentityForm, responses=IdentityQuestionSerializer)
    def post(self, request: Request, question_id: int) -> Response:
        """Say whether it is the same person. Needs ``separate_patients``. 409 when it was decided already."""
        user = user_of(request)
        require(user, Can.SEPARATE_PATIENTS)
        form = IdentityForm(data=request.data)
        form.is_valid(raise_exception=True)
        question = identity_question_for(user, question_id)
        decide_identity(
            question.pk,
            same=form.validated_data["same"],
            reason=form.validated_data["reason"],
            actor=actor_of(request),
            at=now(),
        )
        return Response(IdentityQuestionSerializer(identity_question_for(user, question_id)).data)


class PossibleDuplicateSerializer(serializers.ModelSerializer[PossibleDuplicate]):
    """Two patients who may be one; read each of them for names."""

    class Meta:
        model = PossibleDuplicate
        fields = ["id", "first", "second", "state", "name_fit", "found_at", "decided_at", "decided_by", "reason"]
        read_only_fields = fields


class DuplicateForm(ReasonForm):
    """Which record remains; without one they are two people."""

    survivor = IdField(required=False, default=None, help_text="Merge into this one. Left out: two people.")


class PossibleDuplicatesView(APIView):
    """Possible duplicates that wait for a person."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=PossibleDuplicateSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The open ones at the caller's sites, at most 200. Needs ``separate_patients``."""
        user = user_of(request)
        require(user, Can.SEPARATE_PATIENTS)
        return Response(PossibleDuplicateSerializer(duplicates_for(user)[:200], many=True).data)


class DecideDuplicateView(APIView):
    """Decides one."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=DuplicateForm, responses=PossibleDuplicateSerializer)
    def post(self, request: Request, duplicate_id: int) -> Response:
        """Merge the two, or keep them apart for good. Needs ``separate_patients``. 409 when it was decided already."""
        user = user_of(request)
        require(user, Can.SEPARATE_PATIENTS)
        form = DuplicateForm(data=request.data)
        form.is_valid(raise_exception=True)
        row, reason = duplicate_for(user, duplicate_id), form.validated_data["reason"]
        actor, at, survivor_id = actor_of(request), now(), form.validated_data["survivor"]
        if survivor_id is None:
            keep_apart(row.pk, reason=reason, actor=actor, at=at)
        else:
            merge_duplicate(row.pk, survivor_id=survivor_id, reason=reason, actor=actor, at=at)
        return Response(PossibleDuplicateSerializer(duplicate_for(user, row.pk)).data)
