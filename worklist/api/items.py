"""REST API of reading items: lists, claims, and what a holder does."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from ris.people.serializers import ReasonForm
from worklist import selectors, services
from worklist.models import ReadingItem
from worklist.selectors.lists import LISTS, rows_of
from worklist.services.claims.claim import LEASE

from .item_serializers import HeartbeatSerializer, ItemSerializer, MaybeReasonForm, ParkForm
from .urgency import UrgencyCalls


class ItemFilter(django_filters.FilterSet):
    """Filters of the list of reading items."""

    class Meta:
        model = ReadingItem
        fields = ["site", "state", "accession", "priority", "modality", "subspecialty", "urgency", "reader"]


_LIST = OpenApiParameter("list", str, enum=list(LISTS), default="all", description="Which list.")


class ReadingItemViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, UrgencyCalls):
    """Reading items at the caller's sites, in reading order."""

    permission_classes = [IsAuthenticated]
    serializer_class = ItemSerializer
    queryset = ReadingItem.objects.none()
    filterset_class = ItemFilter

    def get_queryset(self) -> QuerySet[ReadingItem]:
        user = user_of(self.request)
        require(user, Can.SEE_WORKLIST)
        name = self.request.query_params.get("list", "all") if self.action == "list" else "all"
        return selectors.reading_list(user, list_name=name, at=now())

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of ids, then their rows with all that is shown of them."""
        page = super().paginate_queryset(queryset.values_list("pk", flat=True))
        return None if page is None else rows_of(page, at=now())

    def get_object(self) -> ReadingItem:
        user = user_of(self.request)
        require(user, Can.SEE_WORKLIST)
        return selectors.item_for(user, int(self.kwargs["pk"]))

    @extend_schema(parameters=[_LIST])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One of the lists; seeing it is audited once a page."""
        response = super().list(request, *args, **kwargs)
        name = request.query_params.get("list", "all")
        record(actor_of(request), "worklist.view", user_of(request), at=now(), list=name)
        return response

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One item; seeing it is audited."""
        item = self.get_object()
        patient_id = item.procedure.order.patient_id
        record(actor_of(request), "item.view", item, patient_id=patient_id, at=now())
        return Response(ItemSerializer(item).data)

    @action(detail=False)
    def counts(self, request: Request) -> Response:
        """How many items each list holds, and how many of them are STAT."""
        require(user_of(request), Can.SEE_WORKLIST)
        return Response(selectors.counts(user_of(request), at=now()))

    @extend_schema(request=None, responses={200: ItemSerializer, 204: OpenApiResponse(description="No case for you.")})
    @action(detail=False, methods=["post"], url_path="next")
    def next_case(self, request: Request) -> Response:
        """Claim the case that the server chooses for the caller at this moment."""
        user = user_of(request)
        require(user, Can.READ_CASES)
        item = services.next_case(user, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT) if item is None else self._render(item)

    @extend_schema(request=None, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str) -> Response:
        """Reserve it for the caller. 409 when somebody else was first."""
        return self._do(services.claim)

    @extend_schema(request=MaybeReasonForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Give it back; the draft is kept."""
        return self._do(services.release, MaybeReasonForm)

    @extend_schema(request=ReasonForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Decline it with a reason; the caller is not given it again."""
        return self._do(services.skip, ReasonForm)

    @extend_schema(request=ParkForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def park(self, request: Request, pk: str) -> Response:
        """Set it aside until a moment, with a reason."""
        return self._do(services.park, ParkForm)

    @extend_schema(request=None, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Bring it back from being parked."""
        return self._do(services.resume)

    @extend_schema(request=ReasonForm, responses=ItemSerializer)
    @action(detail=True, methods=["post"], url_path="take-over")
    def take_over(self, request: Request, pk: str) -> Response:
        """Take it from its reader with a reason that is audited; the draft comes with it."""
        return self._do(services.take_over, ReasonForm)

    @extend_schema(request=None, responses=HeartbeatSerializer)
    @action(detail=True, methods=["post"])
    def heartbeat(self, request: Request, pk: str) -> Response:
        """A sign of life: the claim goes on for ten minutes from now, if it is still the caller's."""
        user, at = user_of(request), now()
        require(user, Can.READ_CASES)
        held = services.extend_lease(selectors.item_for(user, int(pk)).pk, reader=user, at=at)
        return Response({"held": held, "lease_until": at + LEASE if held else None})

    def _do(self, service: Any, form: type[Serializer[Any]] | None = None) -> Response:
        """Run one service on the item of this call, as its caller, with what the form holds."""
        values: dict[str, Any] = {}
        if form is not None:
            parsed = form(data=self.request.data)
            parsed.is_valid(raise_exception=True)
            values = parsed.validated_data
        user = user_of(self.request)
        require(user, Can.READ_CASES)
        item_id = int(self.kwargs["pk"])
        return self._render(service(item_id, reader=user, actor=actor_of(self.request), at=now(), **values))

    def _render(self, item: ReadingItem) -> Response:
        return Response(ItemSerializer(selectors.item_for(user_of(self.request), item.pk)).data)
