"""The calendar of a site, appointments called off or missed, and the waiting list over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record_shown
from ris.catalog.models import Site
from ris.kernel.api import IdField, MomentField
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound
from ris.orders.selectors import step_for
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from ... import services
from ...models import Offer, WaitingEntry
from ...selectors.calendar import list_appointments
from ...selectors.waiting import waiting_for
from .openings import get_device

LONGEST_CALENDAR = timedelta(days=31)


class CalendarForm(serializers.Serializer[Any]):
    """Which part of a site's calendar; at most 31 days."""

    site = IdField()
    start = MomentField()
    end = MomentField()


class AppointmentSerializer(serializers.Serializer[Any]):
    """A step at its time. ``overlaps``: another is on its device then; ``late``: late, missed or empty."""

    step = IdField(source="step.pk")
    order = IdField(source="step.procedure.order_id")
    patient = IdField(source="step.procedure.order.patient_id")
    device = IdField(source="step.device_id", allow_null=True)
    start = serializers.DateTimeField(source="step.start")
    end = serializers.DateTimeField()
    state = serializers.CharField(source="step.state")
    overlaps = serializers.BooleanField()
    overbooked = serializers.CharField(source="step.overbooked")
    late = serializers.CharField()


class CallOffForm(serializers.Serializer[Any]):
    """Why an appointment is called off; ``missed``: the patient did not come."""

    reason = serializers.CharField(max_length=250, required=False, default="", allow_blank=True)
    missed = serializers.BooleanField(default=False)


class OfferSerializer(serializers.ModelSerializer[Offer]):
    """A free time that is offered."""

    class Meta:
        model = Offer
        ref_name = "TimeOffer"
        fields = ["id", "state", "device", "start", "made_at", "expires_at"]


class WaitingSerializer(serializers.ModelSerializer[WaitingEntry]):
    """Who waits for a time."""

    offers = OfferSerializer(many=True)

    class Meta:
        model = WaitingEntry
        ref_name = "WaitingEntry"
        fields = ["id", "state", "step", "earliest", "wanted_by", "note", "entered_at", "offers"]


class WaitingForm(serializers.Serializer[Any]):
    """A step that is to wait for a time, or for a sooner one."""

    step = IdField()
    earliest = MomentField(required=False)
    wanted_by = MomentField(required=False, allow_null=True)
    note = serializers.CharField(max_length=250, required=False, default="", allow_blank=True)


class TimeForm(serializers.Serializer[Any]):
    """A time on a device."""

    device = IdField()
    start = MomentField()


class AnswerForm(serializers.Serializer[Any]):
    """What the patient says."""

    offer = IdField()
    accept = serializers.BooleanField()


class CalendarView(APIView):
    """What is booked at a site."""

    permission_classes = [IsAuthenticated]

    @extend_schema(parameters=[CalendarForm], responses=AppointmentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Appointments between two moments, by start, with what overlaps; seeing them is audited."""
        form = CalendarForm(data=request.query_params)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        require(user_of(request), Can.SEE_ORDERS, said["site"])
        if said["end"] - said["start"] > LONGEST_CALENDAR:
            raise Invalid("Ask for 31 days at most.", at="end")
        site = Site.objects.get(pk=said["site"])
        rows = list_appointments(user_of(request), site, said["start"], said["end"], at=now())
        shown = ((row.step, row.step.procedure.order.patient_id) for row in rows)
        record_shown(actor_of(request), "calendar.view", shown, at=now())
        return Response(AppointmentSerializer(rows, many=True).data)


class CallOffView(APIView):
    """An appointment that does not take place."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=CallOffForm, responses={204: None})
    def post(self, request: Request, step_id: int) -> Response:
        """Call it off, or note that the patient did not come: the order waits for another time (SIU S15, S26)."""
        require(user_of(request), Can.PLACE_ORDERS)
        step = step_for(user_of(request), step_id, Can.PLACE_ORDERS)
        form = CallOffForm(data=request.data)
        form.is_valid(raise_exception=True)
        services.call_off(step.pk, **form.validated_data, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class WaitingViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[WaitingEntry]):
    """The waiting list at the caller's sites, in the order in which people are asked."""

    permission_classes = [IsAuthenticated]
    serializer_class = WaitingSerializer
    queryset = WaitingEntry.objects.none()

    def get_queryset(self) -> Any:
        require(user_of(self.request), Can.SEE_ORDERS)
        return waiting_for(user_of(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Who waits; seeing them is audited."""
        page = self.paginate_queryset(self.get_queryset())
        entries = list(self.get_queryset()) if page is None else page
        shown = ((entry, entry.step.procedure.order.patient_id) for entry in entries)
        record_shown(actor_of(request), "waiting.view", shown, at=now())
        data = self.get_serializer(entries, many=True).data
        return Response(data) if page is None else self.get_paginated_response(data)

    @extend_schema(request=WaitingForm, responses={201: WaitingSerializer})
    def create(self, request: Request) -> Response:
        """Put a step on the list."""
        require(user_of(request), Can.PLACE_ORDERS)
        form = WaitingForm(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        step = step_for(user_of(request), said.pop("step"), Can.PLACE_ORDERS)
        said.setdefault("earliest", now())
        entry = services.put_on_waiting_list(step.pk, **said, actor=actor_of(request), at=now())
        return Response(WaitingSerializer(entry).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        """Take it off the list."""
        services.withdraw_entry(self._get_entry().pk, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=TimeForm, responses={201: OfferSerializer})
    @action(detail=True, methods=["post"])
    def offer(self, request: Request, pk: str) -> Response:
        """Offer a free time, for two hours."""
        entry = self._get_entry()
        form = TimeForm(data=request.data)
        form.is_valid(raise_exception=True)
        device = get_device(request, form.validated_data["device"], Can.PLACE_ORDERS)
        start = form.validated_data["start"]
        offer = services.offer_time(entry.pk, device, start=start, actor=actor_of(request), at=now())
        return Response(OfferSerializer(offer).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=AnswerForm, responses=OfferSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: str) -> Response:
        """Accept or decline an offer; 409 when it has run out or somebody else was first."""
        entry = self._get_entry()
        form = AnswerForm(data=request.data)
        form.is_valid(raise_exception=True)
        offer = entry.offers.filter(pk=form.validated_data["offer"]).first()
        if offer is None:
            raise NotFound("There is no such offer.", at="offer")
        act = services.accept_offer if form.validated_data["accept"] else services.decline_offer
        act(offer.pk, actor=actor_of(request), at=now())
        return Response(OfferSerializer(offer.reread()).data)

    def _get_entry(self) -> WaitingEntry:
        require(user_of(self.request), Can.PLACE_ORDERS)
        entry = waiting_for(user_of(self.request), Can.PLACE_ORDERS).filter(pk=int(self.kwargs["pk"])).first()
        if entry is None:
            raise NotFound("Nobody waits under this number.")
        return entry
