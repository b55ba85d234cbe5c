"""REST API of shifts and holidays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import read_moment, read_number
from ris.people.http import actor_of, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for
from worklist import services
from worklist.ical import read_calendar, write_calendar
from worklist.models import Holiday, Shift
from worklist.selectors.coverage import MOST_HOURS, coverage
from worklist.selectors.lead import visible_shifts
from worklist.selectors.roster import on_shift
from worklist.services.roster import import_calendar, undo_change

from .roster_serializers import CalendarForm, EndForm, HolidaySerializer, ShiftChangeSerializer, ShiftSerializer

_SINCE = OpenApiParameter("since", OpenApiTypes.DATETIME)
_HOURS = OpenApiParameter("hours", int, default=24)


def _moment(request: Request, name: str) -> datetime:
    said = request.query_params.get(name)
    return read_moment(said, at=name) if said else now()


class ShiftViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Shift]):
    """The roster. Everybody who sees the worklist sees it; those who lead the reading change it."""

    permission_classes = [IsAuthenticated]
    serializer_class = ShiftSerializer
    queryset = Shift.objects.none()
    filterset_fields = ["reader", "active", "kind"]

    def get_queryset(self) -> QuerySet[Shift]:
        require(user_of(self.request), Can.SEE_WORKLIST)
        return visible_shifts(user_of(self.request)).order_by("reader", "first_day", "pk")

    def _mine_to_change(self) -> Shift:
        require(user_of(self.request), Can.LEAD_READING)
        return self.get_object()

    def _may_roster(self, reader: User) -> None:
        """Leads roster the readers who work at one of their sites."""
        user = user_of(self.request)
        require(user, Can.LEAD_READING)
        mine = set(sites_for(user, Can.LEAD_READING).values_list("pk", flat=True))
        if not mine & set(sites_for(reader, Can.READ_CASES).values_list("pk", flat=True)):
            raise NotFound("There is no such reader at your sites.", at="reader")

    def create(self, request: Request) -> Response:
        """Put a reader on the roster."""
        require(user_of(request), Can.LEAD_READING)
        form = ShiftSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        reader = said.pop("reader")
        self._may_roster(reader)
        shift = services.add_shift(reader, actor=actor_of(request), at=now(), **said)
        return Response(ShiftSerializer(shift).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change all of its days."""
        shift = self._mine_to_change()
        form = ShiftSerializer(shift, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        said = {name: value for name, value in form.validated_data.items() if name != "reader"}
        return Response(
            ShiftSerializer(services.revise_shift(shift.pk, actor=actor_of(request), at=now(), **said)).data
        )

    @extend_schema(request=EndForm, responses=ShiftSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """No duty begins after ``last_day``."""
        shift = self._mine_to_change()
        form = EndForm(data=request.data)
        form.is_valid(raise_exception=True)
        last_day = form.validated_data["last_day"]
        ended = services.end_shift(shift.pk, last_day=last_day, actor=actor_of(request), at=now())
        return Response(ShiftSerializer(ended).data)

    @extend_schema(request=ShiftChangeSerializer, responses={201: ShiftChangeSerializer})
    @action(detail=True, methods=["post"])
    def days(self, request: Request, pk: str) -> Response:
        """One day goes differently: off, sick, or a swap. Readers may call themselves in sick."""
        form = ShiftChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        require(user_of(request), Can.SEE_WORKLIST)
        shift, user = self.get_object(), user_of(request)
        if not (shift.reader_id == user.pk and said["kind"] == "sick"):
            shift = self._mine_to_change()
        if said.get("substitute"):
            self._may_roster(said["substitute"])
        change = services.change_day(shift.pk, said.pop("day"), maker=user, actor=actor_of(request), at=now(), **said)
        return Response(ShiftChangeSerializer(change).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["delete"], url_path=r"days/(?P<change_id>[0-9]{1,18})")
    def undo(self, request: Request, pk: str, change_id: str) -> Response:
        """The day goes as the shift says again."""
        shift = self._mine_to_change()
        if not shift.changes.filter(pk=int(change_id)).exists():
            raise NotFound("There is no such change.")
        undo_change(int(change_id), actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME)], responses=OpenApiTypes.OBJECT)
    @action(detail=False, url_path="on-shift")
    def on_shift(self, request: Request) -> Response:
        """Who is on shift at a moment."""
        shifts, at = {shift.pk: shift for shift in self.get_queryset()}, _moment(request, "at")
        there = [duty for duty in on_shift(at).values() if duty.shift_id in shifts]
        names = {u.pk: u.display_name for u in User.objects.filter(pk__in=[duty.reader_id for duty in there])}
        return Response(
            [
                {
                    "reader": duty.reader_id,
                    "name": names[duty.reader_id],
                    "shift": duty.shift_id,
                    "kind": duty.kind,
                    "start": duty.span.start,
                    "end": duty.span.end,
                    "substitute_for": duty.substitute_for,
                }
                for duty in there
            ]
        )

    @extend_schema(parameters=[_SINCE, _HOURS], responses=OpenApiTypes.OBJECT)
    @action(detail=False)
    def coverage(self, request: Request) -> Response:
        """For each hour, site, subspecialty and modality, who covers it, and where nobody does."""
        require(user_of(request), Can.LEAD_READING)
        hours = read_number(request.query_params.get("hours", 24), at="hours", least=1, most=MOST_HOURS)
        cells = coverage(user_of(request), since=_moment(request, "since"), hours=hours)
        return Response(
            [
                {
                    "start": cell.start,
                    "site": cell.site_id,
                    "subspecialty": cell.pool,
                    "modality": cell.modality,
                    "primary": cell.primary,
                    "secondary": cell.secondary,
                    "gap": cell.gap,
                }
                for cell in cells
            ]
        )

    @extend_schema(responses={(200, "text/calendar"): OpenApiTypes.BYTE})
    @action(detail=False)
    def calendar(self, request: Request) -> HttpResponse:
        """The roster as iCalendar."""
        shifts = self.filter_queryset(self.get_queryset()).filter(active=True)
        record(actor_of(request), "roster.export", user_of(request), at=now())
        return HttpResponse(write_calendar(shifts, now()), content_type="text/calendar; charset=utf-8")

    @extend_schema(request=CalendarForm, responses={201: ShiftSerializer(many=True)})
    @action(detail=False, methods=["post"], url_path="import")
    def read(self, request: Request) -> Response:
        """Put the events of an iCalendar file on the roster for a reader; the same UID again is revised."""
        require(user_of(request), Can.LEAD_READING)
        form = CalendarForm(data=request.data)
        form.is_valid(raise_exception=True)
        reader = form.validated_data["reader"]
        self._may_roster(reader)
        events = read_calendar(form.validated_data["calendar"].encode())
        shifts = import_calendar(reader, events, maker=user_of(request), actor=actor_of(request), at=now())
        return Response(ShiftSerializer(shifts, many=True).data, status=status.HTTP_201_CREATED)


class HolidayViewSet(
    mixins.ListModelMixin, mixins.CreateModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[Holiday]
):
    """Days on which shifts do not take place, unless they work on holidays."""

    permission_classes = [IsAuthenticated]
    serializer_class = HolidaySerializer
    queryset = Holiday.objects.none()

    def get_queryset(self) -> QuerySet[Holiday]:
        user = user_of(self.request)
        require(user, Can.SEE_WORKLIST)
        sites = sites_for(user, Can.SEE_WORKLIST)
        return (Holiday.objects.filter(site__isnull=True) | Holiday.objects.filter(site__in=sites)).order_by(
            "day", "pk"
        )

    def perform_create(self, serializer: Any) -> None:
        site = serializer.validated_data.get("site")
        require(user_of(self.request), Can.LEAD_READING, site.pk if site else None)
        row = serializer.save()
        record(actor_of(self.request), "roster.holiday", row, at=now(), day=row.day.isoformat())

    def perform_destroy(self, instance: Holiday) -> None:
        require(user_of(self.request), Can.LEAD_READING, instance.site_id)
        record(actor_of(self.request), "roster.holiday-removed", instance, at=now(), day=instance.day.isoformat())
        instance.delete()
