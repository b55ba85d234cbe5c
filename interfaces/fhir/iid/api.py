"""Links over REST: a program of the EMR asks for one, and gives it to the browser of its user."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of

from .links import IMAGES, LASTS, RESULT, Wanted, sign_link


class ImageDisplayForm(serializers.Serializer[Any]):
    """What is to be opened: one of patient, accession number, study."""

    patient_id = serializers.CharField(max_length=64, required=False, default="", help_text="(0010,0020)")
    authority = serializers.CharField(max_length=64, required=False, default="", help_text="Assigning authority of it.")
    accession = serializers.CharField(max_length=16, required=False, default="", help_text="(0008,0050)")
    study_uid = serializers.CharField(max_length=64, required=False, default="", help_text="(0020,000D)")
    show = serializers.ChoiceField([RESULT, IMAGES], required=False, default=RESULT)


class ImageDisplaySerializer(serializers.Serializer[Any]):
    """A link, and until when it can be opened."""

    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class ImageDisplayView(APIView):
    """``POST /api/iid/``: a link that opens a result or images (IHE RAD-106)."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ImageDisplayForm, responses={201: ImageDisplaySerializer})
    def post(self, request: Request) -> Response:
        """A link that whoever may see it can open within five minutes. 404 where the caller sees no such exam."""
        form = ImageDisplayForm(data=request.data)
        form.is_valid(raise_exception=True)
        token = sign_link(Wanted(**form.validated_data), user_of(request))
        at = now()
        record(actor_of(request), "iid.link", user_of(request), at=at, show=form.validated_data["show"])
        url = settings.RIS.url.rstrip("/") + reverse("fhir:iid", args=[token])
        said = ImageDisplaySerializer({"url": url, "expires_at": at + LASTS}).data
        return Response(said, status=status.HTTP_201_CREATED)
