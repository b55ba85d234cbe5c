"""The portal over REST, for the people here. Patients have pages only."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.kernel.api import DayField, IdField
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for

from ..models import CoverText, PortalGrant
from ..words import LANGUAGES
from . import accounts
from .covers import all_covers, save_cover
from .models import GRANTS
from .pages_desk import grant_about
from .selectors import grants_about, invitable_patient, open_invitations


class PortalGrantSerializer(serializers.ModelSerializer[PortalGrant]):
    """An account that sees a patient's results."""

    class Meta:
        model = PortalGrant
        fields = ["id", "account", "kind", "holder", "site", "given_at", "ends_on"]


class InvitationForm(serializers.Serializer[Any]):
    """Whom to invite."""

    kind = serializers.ChoiceField(choices=GRANTS)
    holder = serializers.CharField(max_length=120, default="", allow_blank=True)
    ends_on = DayField(default=None, allow_null=True)
    site = IdField()


class NewInvitationSerializer(serializers.Serializer[Any]):
    """An invitation; its code is shown this once."""

    id = serializers.IntegerField()
    code = serializers.CharField()
    expires_at = serializers.DateTimeField()


class PortalOfPatient(serializers.Serializer[Any]):
    """Who sees a patient's results, and how many codes are open."""

    grants = PortalGrantSerializer(many=True)
    open_invitations = serializers.IntegerField()


class CoverSerializer(serializers.Serializer[Any]):
    """A cover text in force; number 0: the one that the system begins with."""

    kind = serializers.ChoiceField(choices=CoverText.KINDS)
    language = serializers.ChoiceField(choices=LANGUAGES)
    number = serializers.IntegerField()
    text = serializers.CharField()


class CoverForm(serializers.Serializer[Any]):
    """Another text, upon the version of that number."""

    kind = serializers.ChoiceField(choices=CoverText.KINDS)
    language = serializers.ChoiceField(choices=LANGUAGES)
    text = serializers.CharField(max_length=2000)
    upon = serializers.IntegerField(min_value=0)


class PatientPortalView(APIView):
    """A patient and the portal."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=PortalOfPatient)
    def get(self, request: Request, patient_id: int) -> Response:
        """Accounts that see the patient's results now. Audited."""
        require(user_of(request), Can.INVITE_PATIENTS)
        patient, at = invitable_patient(user_of(request), patient_id), now()
        record(actor_of(request), "portal.invitations-view", patient, patient_id=patient.pk, at=at)
        body = {"grants": grants_about(patient, at=at), "open_invitations": open_invitations(patient, at=at).count()}
        return Response(PortalOfPatient(body).data)

    @extend_schema(request=InvitationForm, responses={201: NewInvitationSerializer})
    def post(self, request: Request, patient_id: int) -> Response:
        """Make a code for the patient or a proxy."""
        form = InvitationForm(data=request.data)
        form.is_valid(raise_exception=True)
        given, user = dict(form.validated_data), user_of(request)
        require(user, Can.INVITE_PATIENTS)
        site = sites_for(user, Can.INVITE_PATIENTS).filter(pk=given.pop("site")).first()
        if site is None:
            raise NotFound("There is no such site of yours.")
        row, code = accounts.invite(patient_id, accounts.InvitationIntent(**given), site=site, inviter=user,
                                    actor=actor_of(request), at=now())  # fmt: skip
        body = {"id": row.pk, "code": code, "expires_at": row.expires_at}
        return Response(NewInvitationSerializer(body).data, status=status.HTTP_201_CREATED)


class EndGrantView(APIView):
    """An account that sees a patient's results."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, patient_id: int, grant_id: int) -> Response:
        """Have it see them no more."""
        require(user_of(request), Can.INVITE_PATIENTS)
        grant = grant_about(patient_id, grant_id, user_of(request))
        accounts.end_grant(grant, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class CoversView(APIView):
    """Cover texts."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=CoverSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Those in force."""
        if not permissions_of(user_of(request)) & {Can.READ_CASES, Can.LEAD_READING}:
            require(user_of(request), Can.READ_CASES)
        rows = [{"kind": k, "language": lang, "number": n, "text": text} for k, _, lang, n, text in all_covers()]
        return Response(CoverSerializer(rows, many=True).data)

    @extend_schema(request=CoverForm, responses={201: CoverSerializer})
    def post(self, request: Request) -> Response:
        """Put another text into force; 409 when somebody saved since ``upon``."""
        form = CoverForm(data=request.data)
        form.is_valid(raise_exception=True)
        row = save_cover(editor=user_of(request), actor=actor_of(request), at=now(), **form.validated_data)
        return Response(CoverSerializer(row).data, status=status.HTTP_201_CREATED)
