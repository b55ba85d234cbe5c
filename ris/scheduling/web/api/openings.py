"""Free times, holds, opening hours, blocks and closures over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.catalog.models import Device, Procedure, Site
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require, site_ids_for

from ... import services
from ...models import Block, Closure, OpeningHours
from ...selectors.slots import LONGEST_SEARCH, SlotQuestion, find_slots
from ..serializers import (
    BlockForm,
    BlockSerializer,
    ClosureForm,
    ClosureSerializer,
    HoldForm,
    HoldSerializer,
    OpeningHoursForm,
    OpeningHoursSerializer,
    SlotForm,
    SlotsSerializer,
)


def get_device(request: Request, device_id: int, can: Can) -> Device:
    """An active device at a site where the caller may do that. Raises NotFound."""
    device = Device.objects.select_related("site").filter(pk=device_id, active=True).first()
    if device is None or device.site_id not in site_ids_for(user_of(request), can):
        raise NotFound("There is no such device at your sites.", at="device")
    return device


def _validated(form: Any) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


class SlotsView(APIView):
    """The next free times."""

    permission_classes = [IsAuthenticated]

    @extend_schema(parameters=[SlotForm], responses=SlotsSerializer)
    def get(self, request: Request) -> Response:
        """Free times for up to four exams of one visit, in their order, within a year; and why not sooner."""
        user = user_of(request)
        require(user, Can.PLACE_ORDERS)
        values, at = _validated(SlotForm(data=request.query_params)), now()
        known = Procedure.objects.filter(active=True).in_bulk(values["procedure"])
        if len(known) < len(set(values["procedure"])):
            raise NotFound("There is no such procedure.", at="procedure")
        sites = site_ids_for(user, Can.PLACE_ORDERS)
        question = SlotQuestion(
            procedures=tuple(known[pk] for pk in values["procedure"]),
            site_ids=sites & frozenset(values["site"]) if values["site"] else sites,
            earliest=values.get("earliest", at),
            latest=values.get("latest", at + LONGEST_SEARCH),
            gap=timedelta(minutes=values["gap_minutes"]),
            longest_wait=timedelta(minutes=values["longest_wait_minutes"]),
            device_id=values.get("device"),
            urgent=values["urgent"],
            user_id=user.pk,
        )
        return Response(SlotsSerializer(find_slots(question, most=values["most"], at=at)).data)


class HoldsView(APIView):
    """The time that the caller holds."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=HoldForm, responses={201: HoldSerializer})
    def post(self, request: Request) -> Response:
        """Hold a time for ten minutes, instead of what was held before; again: renew it. 409: it is not free."""
        values = _validated(HoldForm(data=request.data))
        device = get_device(request, values.pop("device"), Can.PLACE_ORDERS)
        held = services.hold_time(device, **values, holder=user_of(request), at=now())
        return Response(HoldSerializer(held).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Let go of it."""
        require(user_of(request), Can.PLACE_ORDERS)
        services.release_holds(user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class OpeningHoursViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[OpeningHours]):
    """Opening hours at the caller's sites."""

    permission_classes = [IsAuthenticated]
    serializer_class = OpeningHoursSerializer
    queryset = OpeningHours.objects.none()
    filterset_fields = ["device"]

    def get_queryset(self) -> QuerySet[OpeningHours]:
        return OpeningHours.objects.filter(device__site__in=_sites_seen(self.request)).order_by("pk")

    @extend_schema(request=OpeningHoursForm, responses={201: OpeningHoursSerializer})
    def create(self, request: Request) -> Response:
        """Add opening hours. Needs ``keep_calendar``."""
        require(user_of(request), Can.KEEP_CALENDAR)
        values = _validated(OpeningHoursForm(data=request.data))
        device = get_device(request, values.pop("device"), Can.KEEP_CALENDAR)
        row = services.open_weekly(device, **values, actor=actor_of(request), at=now())
        return Response(OpeningHoursSerializer(row).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        """Take them away."""
        row = _kept(self.request, OpeningHours.objects.filter(pk=int(pk)).select_related("device"))
        services.remove_hours(row.pk, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class BlockViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Block]):
    """Blocks at the caller's sites."""

    permission_classes = [IsAuthenticated]
    serializer_class = BlockSerializer
    queryset = Block.objects.none()
    filterset_fields = ["device"]

    def get_queryset(self) -> QuerySet[Block]:
        rows = Block.objects.filter(device__site__in=_sites_seen(self.request))
        return rows.prefetch_related("procedures").order_by("pk")

    @extend_schema(request=BlockForm, responses={201: BlockSerializer})
    def create(self, request: Request) -> Response:
        """Keep hours for some procedures. Needs ``keep_calendar``."""
        require(user_of(request), Can.KEEP_CALENDAR)
        values = _validated(BlockForm(data=request.data))
        device = get_device(request, values.pop("device"), Can.KEEP_CALENDAR)
        procedures = Procedure.objects.filter(pk__in=values.pop("procedures"))
        row = services.keep_block(device, **values, procedures=procedures, actor=actor_of(request), at=now())
        return Response(BlockSerializer(row).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        """Take it away."""
        row = _kept(self.request, Block.objects.filter(pk=int(pk)).select_related("device"))
        services.remove_block(row.pk, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ClosureViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Closure]):
    """Closures at the caller's sites."""

    permission_classes = [IsAuthenticated]
    serializer_class = ClosureSerializer
    queryset = Closure.objects.none()
    filterset_fields = ["site", "device", "kind"]

    def get_queryset(self) -> QuerySet[Closure]:
        return Closure.objects.filter(site__in=_sites_seen(self.request)).order_by("since", "pk")

    @extend_schema(request=ClosureForm, responses={201: ClosureSerializer})
    def create(self, request: Request) -> Response:
        """Close a device or a site for a while. Needs ``keep_calendar``."""
        values = _validated(ClosureForm(data=request.data))
        site_id, device_id = values.pop("site"), values.pop("device", None)
        require(user_of(request), Can.KEEP_CALENDAR, site_id)
        device = get_device(request, device_id, Can.KEEP_CALENDAR) if device_id else None
        if device is not None and device.site_id != site_id:
            raise NotFound("There is no such device at that site.", at="device")
        site = Site.objects.get(pk=site_id)
        row = services.close_for(site, device, **values, actor=actor_of(request), at=now())
        return Response(ClosureSerializer(row).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        """Open again."""
        require(user_of(request), Can.KEEP_CALENDAR)
        sites = site_ids_for(user_of(request), Can.KEEP_CALENDAR)
        row = Closure.objects.filter(pk=int(pk), site__in=sites).first()
        if row is None:
            raise NotFound("There is no such closure.")
        services.reopen(row.pk, actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _sites_seen(request: Any) -> frozenset[int]:
    require(user_of(request), Can.SEE_ORDERS)
    return site_ids_for(user_of(request), Can.SEE_ORDERS)


def _kept(request: Any, rows: QuerySet[Any]) -> Any:
    require(user_of(request), Can.KEEP_CALENDAR)
    row = rows.first()
    if row is None or row.device.site_id not in site_ids_for(user_of(request), Can.KEEP_CALENDAR):
        raise NotFound("There are no such hours at your sites.")
    return row
