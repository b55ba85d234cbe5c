"""REST API of priorities, AI results, hand-over, offers, escalations and presence."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.access.visibility import open_rows
from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Forbidden, Invalid, NotFound
from ris.kernel.values import read_moment
from ris.people.http import actor_of, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for
from ris.people.serializers import ReasonForm
from worklist import selectors, services
from worklist.models import Escalation, Offer, PriorPlan, ReadingItem
from worklist.selectors.explain import explain
from worklist.selectors.lead import offers_to, open_escalations

from .item_serializers import (
    AiFlagSerializer,
    AiResultByStudyForm,
    EscalationSerializer,
    HandedOver,
    HandOverForm,
    ItemSerializer,
    MarkForm,
    OfferSerializer,
    PresenceSerializer,
    PriorityForm,
    PriorPlanSerializer,
    ReserveForm,
)

_AT = OpenApiParameter("at", OpenApiTypes.DATETIME, description="As of this moment; without it: now.")
AI_SENDERS = (Can.READ_CASES, Can.MEND_MESSAGES, Can.LEAD_READING)
"""Any of these may hand in an AI result: a reader's tool, or a program with an interface analyst's role."""


class UrgencyCalls(viewsets.GenericViewSet[ReadingItem]):
    """Calls on one reading item that change how urgent it is, or explain it."""

    @extend_schema(request=MarkForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def mark(self, request: Request, pk: str) -> Response:
        """The patient is waiting, or a discharge is pending; or no longer."""
        return self._change(services.set_mark, MarkForm)

    @extend_schema(request=PriorityForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def priority(self, request: Request, pk: str) -> Response:
        """Change the order's priority, with a reason."""
        return self._change(services.set_priority, PriorityForm)

    @extend_schema(request=ReasonForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"], url_path="pause-clock")
    def pause_clock(self, request: Request, pk: str) -> Response:
        """Let the SLA clock stand still, with a reason."""
        return self._change(services.pause_clock, ReasonForm)

    @extend_schema(request=None, responses=ItemSerializer)
    @action(detail=True, methods=["post"], url_path="resume-clock")
    def resume_clock(self, request: Request, pk: str) -> Response:
        """Let the SLA clock go on."""
        return self._change(services.resume_clock)

    @extend_schema(parameters=[_AT], responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def explain(self, request: Request, pk: str) -> Response:
        """Rules that fired, score terms, candidates, who was ruled out by what: as of a moment."""
        said = request.query_params.get("at")
        at = read_moment(said, at="at") if said else now()
        item = _readable(request, int(pk))
        patient_id = item.procedure.order.patient_id
        record(actor_of(request), "item.explain", item, patient_id=patient_id, at=now())
        return Response(explain(item, at, viewer=user_of(request)))

    @extend_schema(request=ReserveForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def reserve(self, request: Request, pk: str) -> Response:
        """Let only the named reader be given this case, or anybody again. For those who lead the reading."""
        item = _readable(request, int(pk))
        require(user_of(request), Can.LEAD_READING, item.site_id)
        return self._change(services.reserve, ReserveForm)

    @extend_schema(responses=PriorPlanSerializer(many=True))
    @action(detail=True)
    def priors(self, request: Request, pk: str) -> Response:
        """Earlier studies that are planned to be at hand, best first, and how fetching each went."""
        item = _readable(request, int(pk))
        patient_id = item.procedure.order.patient_id
        record(actor_of(request), "item.priors", item, patient_id=patient_id, at=now())
        plans = PriorPlan.objects.filter(procedure=item.procedure_id).order_by("-score", "pk")
        return Response(PriorPlanSerializer(plans, many=True).data)

    def _change(self, service: Any, form: Any = None) -> Response:
        said: dict[str, Any] = {}
        if form is not None:
            parsed = form(data=self.request.data)
            parsed.is_valid(raise_exception=True)
            said = parsed.validated_data
        item = _readable(self.request, int(self.kwargs["pk"]))
        _require_any(user_of(self.request), (Can.READ_CASES, Can.LEAD_READING), item.site_id)
        service(item.pk, actor=actor_of(self.request), at=now(), **said)
        return Response(ItemSerializer(_readable(self.request, item.pk)).data)


def _readable(request: Request, pk: int) -> ReadingItem:
    require(user_of(request), Can.SEE_WORKLIST)
    return selectors.item_for(user_of(request), pk)


def _require_any(user: User, cans: tuple[Can, ...], site_id: int) -> None:
    able = [can for can in cans if can in permissions_of(user)]
    if not able:
        raise Forbidden("Your role does not include this.", code="role")
    if not any(sites_for(user, can).filter(pk=site_id).exists() for can in able):
        raise NotFound("There is no such thing at your sites.")


class AiResultView(APIView):
    """Where algorithms hand in what they found."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=AiResultByStudyForm, responses={201: AiFlagSerializer})
    def post(self, request: Request) -> Response:
        """A result about the open exam of an accession number or Study Instance UID."""
        user = user_of(request)
        if not any(can in permissions_of(user) for can in AI_SENDERS):
            raise Forbidden("Your role does not include handing in AI results.", code="role")
        form = AiResultByStudyForm(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        accession, study_uid = said.pop("accession", ""), said.pop("study_uid", "")
        found = ReadingItem.objects.filter(procedure__study_uid=study_uid) if study_uid else None
        if found is None:
            if not accession:
                raise Invalid("accession or study_uid is wanted.", at="accession")
            found = ReadingItem.objects.filter(accession=accession)
        item = open_rows(found, user, patient="procedure__order__patient").order_by("-opened_at").first()
        if item is None:
            raise NotFound("There is no such exam on the worklist.")
        _require_any(user, AI_SENDERS, item.site_id)
        flag = services.note_ai_result(item.pk, actor=actor_of(request), at=now(), **said)
        return Response(AiFlagSerializer(flag).data, status=status.HTTP_201_CREATED)


class HandOverView(APIView):
    """A shift's open cases in one action."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=HandOverForm, responses=HandedOver)
    def post(self, request: Request) -> Response:
        """Hand all that the caller holds to a colleague, or back to everybody. Leads may do it for another."""
        user = user_of(request)
        require(user, Can.READ_CASES)
        form = HandOverForm(data=request.data)
        form.is_valid(raise_exception=True)
        reader = form.validated_data.get("reader") or user
        if reader != user:
            require(user, Can.LEAD_READING)
        to, reason = form.validated_data["to"], form.validated_data["reason"]
        items = services.hand_over(reader, to=to, reason=reason, actor=actor_of(request), at=now())
        return Response({"items": items})


class OfferViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Offer]):
    """Most urgent cases that are being offered to the caller."""

    permission_classes = [IsAuthenticated]
    serializer_class = OfferSerializer
    queryset = Offer.objects.none()

    def get_queryset(self) -> QuerySet[Offer]:
        require(user_of(self.request), Can.READ_CASES)
        return offers_to(user_of(self.request))

    @extend_schema(request=None, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        """Claim it."""
        require(user_of(request), Can.READ_CASES)
        item = services.accept_offer(int(pk), reader=user_of(request), actor=actor_of(request), at=now())
        return Response(ItemSerializer(_readable(request, item.pk)).data)

    @extend_schema(request=ReasonForm, responses={204: None})
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        """Decline it with a reason; the next reader is asked."""
        require(user_of(request), Can.READ_CASES)
        form = ReasonForm(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        services.decline_offer(int(pk), reader=user_of(request), reason=reason, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class EscalationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Escalation]):
    """The coordinator's screen."""

    permission_classes = [IsAuthenticated]
    serializer_class = EscalationSerializer
    queryset = Escalation.objects.none()

    def get_queryset(self) -> QuerySet[Escalation]:
        require(user_of(self.request), Can.LEAD_READING)
        return open_escalations(user_of(self.request))

    @extend_schema(request=None, responses=EscalationSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that it is being seen to."""
        user = user_of(request)
        require(user, Can.LEAD_READING)
        row = services.acknowledge(int(pk), coordinator=user, actor=actor_of(request), at=now())
        return Response(EscalationSerializer(row).data)


class PresenceView(APIView):
    """Where the caller is."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=PresenceSerializer, responses=PresenceSerializer)
    def post(self, request: Request) -> Response:
        """Say where you are: available, away, teaching, signed out."""
        require(user_of(request), Can.READ_CASES)
        form = PresenceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        state = form.validated_data["state"]
        row = services.set_presence(user_of(request), state, actor=actor_of(request), at=now())
        return Response(PresenceSerializer(row).data)
