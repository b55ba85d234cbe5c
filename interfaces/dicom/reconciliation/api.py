"""Exams and orders that missed each other, over REST: found, linked, unlinked, ordered after the fact."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.api import IdField
from ris.kernel.clock import now
from ris.orders.models import PerformedStep, Study
from ris.orders.selectors import step_for
from ris.orders.services import unlink_exam
from ris.people.http import actor_of, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from . import services
from .selectors import exam_for, image_study_for, images_without_order, never_ended, unscheduled, without_images

MOST_EXAMS = 500
"""Of each kind in one answer; nobody reconciles more at once."""


class ExamSerializer(serializers.ModelSerializer[PerformedStep]):
    """An exam as its device told it. No names."""

    patient_number = serializers.CharField(source="mpps.patient_id", default="", help_text="As the device sent it.")
    violations = serializers.ListField(child=serializers.CharField(), source="mpps.violations", default=list)

    class Meta:
        model = PerformedStep
        fields = ["id", "mpps_uid", "state", "station_ae", "modality", "study_uid", "accession", "patient_number",
                  "started_at", "ended_at", "dose", "violations"]  # fmt: skip


class ImageStudySerializer(serializers.ModelSerializer[Study]):
    """Images of which no order is known, as their archive has them. No names."""

    class Meta:
        model = Study
        fields = ["id", "study_uid", "instances", "accession", "modality", "patient_number", "performed_on",
                  "first_seen_at"]  # fmt: skip


class ExceptionsSerializer(serializers.Serializer[Any]):
    """Exams that need a person, by what is wrong with them."""

    unscheduled = ExamSerializer(many=True, help_text="Of no scheduled step.")
    never_ended = ExamSerializer(many=True)
    without_images = ExamSerializer(many=True, help_text="Done, and nothing came.")


class ExamsView(APIView):
    """Exams that need a person."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=ExceptionsSerializer, operation_id="dicom_exams")
    def get(self, request: Request) -> Response:
        """As on the page of exceptions, the first 500 of each kind. Audited."""
        user, at = user_of(request), now()
        require(user, Can.SEE_ORDERS)
        record(actor_of(request), "exceptions.view", user, at=at)
        exams = {
            "unscheduled": unscheduled(user)[:MOST_EXAMS],
            "never_ended": never_ended(user, at)[:MOST_EXAMS],
            "without_images": without_images(user, at)[:MOST_EXAMS],
        }
        return Response(ExceptionsSerializer(exams).data)


class LinkForm(serializers.Serializer[Any]):
    """The scheduled steps that an exam performed."""

    steps = serializers.ListField(child=IdField(), allow_empty=False, help_text="Ids of the steps.")


class LinkView(APIView):
    """Links an exam to scheduled steps."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=LinkForm, responses={204: None}, operation_id="dicom_exam_link")
    def post(self, request: Request, performed_id: int) -> Response:
        """The exam was of these scheduled steps; they move to where it is."""
        values = _read(LinkForm, request)
        user = user_of(request)
        performed = exam_for(user, performed_id)
        for step_id in values["steps"]:
            require(user, Can.PERFORM_EXAMS, step_for(user, step_id).procedure.order.site_id)
        services.link_and_clear(performed, values["steps"], actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ImagesView(APIView):
    """Images without an order."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=ImageStudySerializer(many=True), operation_id="dicom_images")
    def get(self, request: Request) -> Response:
        """As on the page of exceptions, the newest 500. Audited."""
        user = user_of(request)
        require(user, Can.SEE_ORDERS)
        record(actor_of(request), "exceptions.view", user, at=now())
        return Response(ImageStudySerializer(images_without_order(user)[:MOST_EXAMS], many=True).data)


class ImageLinkForm(serializers.Serializer[Any]):
    """The step of which images without an order are."""

    step = IdField(help_text="Id of the step.")


class LinkImagesView(APIView):
    """Link images without an order to a scheduled step."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ImageLinkForm, responses={204: None}, operation_id="dicom_images_link")
    def post(self, request: Request, study_id: int) -> Response:
        """The images are of this step; one that nobody performed yet is thereby done."""
        values = _read(ImageLinkForm, request)
        user = user_of(request)
        require(user, Can.PERFORM_EXAMS)
        study = image_study_for(user, study_id)
        step = step_for(user, values["step"], Can.PERFORM_EXAMS)
        services.link_images_and_clear(study, step.pk, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class UnlinkView(APIView):
    """Removes the link between an exam and its scheduled steps."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ReasonForm, responses={204: None}, operation_id="dicom_exam_unlink")
    def post(self, request: Request, performed_id: int) -> Response:
        """The exam was not of its steps; they wait again."""
        values = _read(ReasonForm, request)
        user = user_of(request)
        performed = exam_for(user, performed_id)
        for step in performed.steps.select_related("procedure__order"):
            require(user, Can.PERFORM_EXAMS, step.procedure.order.site_id)
        unlink_exam(performed.pk, reason=values["reason"], actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class LateOrderForm(serializers.Serializer[Any]):
    """What an order needs that is placed after its exam."""

    patient = serializers.CharField(max_length=64, help_text="A number of a patient who is known here.")
    code = serializers.CharField(max_length=64, help_text="Of the procedure, as in the catalog.")
    site = serializers.SlugField(max_length=16, help_text="Code of the site.")
    reason = serializers.CharField(max_length=250, required=False, default="", help_text="For the study.")


class LateOrderSerializer(serializers.Serializer[Any]):
    """The order that was placed after its exam."""

    order = serializers.IntegerField(source="pk")
    accession = serializers.CharField()


class BackFillView(APIView):
    """Places the missing order of an exam and links the exam to it."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=LateOrderForm, responses={201: LateOrderSerializer}, operation_id="dicom_exam_order")
    def post(self, request: Request, performed_id: int) -> Response:
        """No order fits: place the one that was never given, and link the exam to it. Its study is kept."""
        values = _read(LateOrderForm, request)
        user = user_of(request)
        performed = exam_for(user, performed_id)
        site = Site.objects.filter(code=values["site"]).first()
        require(user, Can.PLACE_ORDERS, site.pk if site else 0)  # NotFound: no site has the id 0
        assert site is not None
        patient = services.find_numbered_patient(values["patient"], site=site, viewer=user)
        order = services.place_late_order(
            performed, site_id=site.pk, patient_id=patient.pk, code=values["code"], reason=values["reason"],
            actor=actor_of(request), at=now(),
        )  # fmt: skip
        return Response(LateOrderSerializer(order).data, status=status.HTTP_201_CREATED)


class ExamEndForm(serializers.Serializer[Any]):
    """How an exam ended."""

    completed = serializers.BooleanField(help_text="Done; else broken off.")


class EndView(APIView):
    """Ends an exam that the device never ended."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ExamEndForm, responses={204: None}, operation_id="dicom_exam_end")
    def post(self, request: Request, performed_id: int) -> Response:
        """The device never ended it: it is over, and the device can no longer change it."""
        values = _read(ExamEndForm, request)
        performed = _performable(user_of(request), performed_id)
        services.end_by_hand(performed, completed=values["completed"], actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class NoImagesView(APIView):
    """Notes that no images of an exam are expected."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ReasonForm, responses={204: None}, operation_id="dicom_exam_no_images")
    def post(self, request: Request, performed_id: int) -> Response:
        """No images of it are expected: it is missed no more."""
        values = _read(ReasonForm, request)
        performed = _performable(user_of(request), performed_id)
        services.expect_no_images(performed, reason=values["reason"], actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _read(form_class: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body of a request as a form reads it. Raises ValidationError, which names the field."""
    form = form_class(data=request.data)
    form.is_valid(raise_exception=True)
    values: dict[str, Any] = form.validated_data
    return values


def _performable(user: User, performed_id: int) -> PerformedStep:
    require(user, Can.PERFORM_EXAMS)
    return exam_for(user, performed_id)
