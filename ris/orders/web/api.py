"""Orders and exams over REST. Each call is parsed, authorised, handed to one service and rendered."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.audit.services import record
from ris.kernel.clock import now
from ris.patients.selectors import visible_patient
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm

from .. import selectors, services
from ..models import Order, ScheduledStep
from .serializers import OrderForm, OrderSerializer, RescheduleForm, StepSerializer


class OrderFilter(django_filters.FilterSet):
    """Filters of the list of orders."""

    class Meta:
        model = Order
        fields = ["site", "state", "accession", "placer_number", "priority"]


class OrderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Order]):
    """Orders at the caller's sites."""

    permission_classes = [IsAuthenticated]
    serializer_class = OrderSerializer
    queryset = Order.objects.none()
    filterset_class = OrderFilter

    def get_queryset(self) -> QuerySet[Order]:
        require(user_of(self.request), Can.SEE_ORDERS)
        return selectors.orders_for(user_of(self.request))

    def get_object(self) -> Order:
        return selectors.order_for(user_of(self.request), int(self.kwargs["pk"]))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One order; seeing it is audited."""
        require(user_of(request), Can.SEE_ORDERS)
        order = self.get_object()
        record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
        return self._render(order)

    @extend_schema(request=OrderForm, responses={201: OrderSerializer})
    def create(self, request: Request) -> Response:
        """Place an order. Needs ``place_orders`` at the site.

        409 with code ``booking`` says what speaks against it; ``confirmed`` books all the same. 409 with code
        ``taken``: the time is not free; only with an ``overbook_reason`` of somebody who may overbook.
        """
        form = OrderForm(data=request.data)
        form.is_valid(raise_exception=True)
        intent = form.intent("desk")
        user = user_of(request)
        require(user, Can.PLACE_ORDERS, intent.site_id)
        visible_patient(user, intent.patient_id, at="patient")
        confirmed, reason = form.validated_data["confirmed"], form.validated_data["overbook_reason"]
        if reason:
            require(user, Can.OVERBOOK, intent.site_id)
        order = services.book_order(
            intent, confirmed=confirmed, overbook_reason=reason, actor=actor_of(request), at=now()
        )
        return self._render(order, status.HTTP_201_CREATED)

    @extend_schema(request=ReasonForm, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel it, with a reason."""
        order = self._get_changeable()
        return self._render(
            services.cancel_order(order.pk, reason=_reason_of(request), actor=actor_of(request), at=now())
        )

    @extend_schema(request=ReasonForm, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        """Put it on hold: off the scanners' lists until it is released."""
        order = self._get_changeable()
        return self._render(
            services.hold_order(order.pk, reason=_reason_of(request), actor=actor_of(request), at=now())
        )

    @extend_schema(request=None, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Take it off hold."""
        order = self._get_changeable()
        return self._render(services.release_order(order.pk, actor=actor_of(request), at=now()))

    def _get_changeable(self) -> Order:
        user = user_of(self.request)
        require(user, Can.PLACE_ORDERS)
        return selectors.order_for(user, int(self.kwargs["pk"]), Can.PLACE_ORDERS)

    def _render(self, order: Order, code: int = status.HTTP_200_OK) -> Response:
        fresh = selectors.orders_for(user_of(self.request)).get(pk=order.pk)
        return Response(OrderSerializer(fresh).data, status=code)


def _reason_of(request: Request) -> str:
    form = ReasonForm(data=request.data)
    form.is_valid(raise_exception=True)
    return str(form.validated_data["reason"])


class OwnOrdersView(generics.ListAPIView[Order]):
    """Orders that the caller gave, or of whose reports they get copies, newest first."""

    permission_classes = [IsAuthenticated]
    serializer_class = OrderSerializer
    queryset = Order.objects.none()

    def get_queryset(self) -> QuerySet[Order]:
        require(user_of(self.request), Can.SEE_REPORTS)
        return selectors.own_orders_for(user_of(self.request))


class StepViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ScheduledStep]):
    """Scheduled steps at the caller's sites; technologists move them by hand when a device does not."""

    permission_classes = [IsAuthenticated]
    serializer_class = StepSerializer
    queryset = ScheduledStep.objects.none()
    filterset_fields = ["state", "modality", "device"]

    def get_queryset(self) -> QuerySet[ScheduledStep]:
        require(user_of(self.request), Can.SEE_ORDERS)
        return selectors.steps_for(user_of(self.request))

    def _get_step(self, can: Can) -> ScheduledStep:
        user = user_of(self.request)
        require(user, can)
        return selectors.step_for(user, int(self.kwargs["pk"]), can)

    @extend_schema(request=RescheduleForm, responses=StepSerializer)
    @action(detail=True, methods=["post"])
    def reschedule(self, request: Request, pk: str) -> Response:
        """Move it to another time or device; 409 with code ``booking`` or ``taken`` as for a new order."""
        step = self._get_step(Can.PLACE_ORDERS)
        form = RescheduleForm(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        if values["overbook_reason"]:
            require(user_of(request), Can.OVERBOOK, step.procedure.order.site_id)
        moved = services.rebook_step(
            step.pk, start=values["start"], device_id=values["device"], minutes=values.get("minutes"),
            confirmed=values["confirmed"], overbook_reason=values["overbook_reason"], actor=actor_of(request), at=now(),
        )  # fmt: skip
        return Response(StepSerializer(moved).data)

    @extend_schema(request=None, responses=StepSerializer)
    @action(detail=True, methods=["post"])
    def arrive(self, request: Request, pk: str) -> Response:
        """The patient is here."""
        step = self._get_step(Can.PERFORM_EXAMS)
        return Response(StepSerializer(services.arrive(step.pk, actor=actor_of(request), at=now())).data)

    @extend_schema(request=None, responses=StepSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """The exam begins, said by hand."""
        step = self._get_step(Can.PERFORM_EXAMS)
        services.start_by_hand(step.pk, actor=actor_of(request), at=now())
        return Response(StepSerializer(step.reread()).data)

    @extend_schema(request=None, responses=StepSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """The exam is done, said by hand."""
        step = self._get_step(Can.PERFORM_EXAMS)
        services.complete_by_hand(step.pk, actor=actor_of(request), at=now())
        return Response(StepSerializer(step.reread()).data)

    @extend_schema(request=None, responses=StepSerializer)
    @action(detail=True, methods=["post"])
    def discontinue(self, request: Request, pk: str) -> Response:
        """The exam is broken off, said by hand."""
        step = self._get_step(Can.PERFORM_EXAMS)
        services.discontinue_by_hand(step.pk, actor=actor_of(request), at=now())
        return Response(StepSerializer(step.reread()).data)
