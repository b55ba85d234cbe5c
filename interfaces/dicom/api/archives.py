"""What archives call."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.kernel.clock import now
from ris.kernel.values import MOST_NUMBER

from ..availability import webhook


class ArchiveAuthentication(BaseAuthentication):
    """``Authorization: Bearer`` with the token of an archive. It opens this one door."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class StableStudyForm(serializers.Serializer[Any]):
    """What an archive says of a study that has stopped growing."""

    study_uid = serializers.RegexField(r"^[0-9.]{1,64}$", help_text="Study Instance UID")
    instances = serializers.IntegerField(min_value=1, max_value=MOST_NUMBER)
    complete = serializers.BooleanField(default=True)


class StableStudyView(APIView):
    """The callback of an archive for stable studies."""

    authentication_classes = [ArchiveAuthentication]
    permission_classes = [AllowAny]

    @extend_schema(request=StableStudyForm, responses={204: None}, operation_id="dicom_stable_study")
    def post(self, request: Request) -> Response:
        """An archive says that a study has stopped growing (Orthanc: OnStableStudy). With the archive's own token."""
        kind, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        archive = webhook.find_archive(token.strip()) if kind.lower() == "bearer" else None
        if archive is None:
            raise AuthenticationFailed("This is not the token of an archive.")
        form = StableStudyForm(data=request.data)
        form.is_valid(raise_exception=True)
        body = form.validated_data
        webhook.note_stable_study(
            archive, body["study_uid"], instances=body["instances"], complete=body["complete"], at=now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
