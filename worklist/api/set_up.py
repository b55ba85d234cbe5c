"""What the reading is made of, over REST: readers, skills, privileges, sites' choices, what an AI's flag is worth.

The same rows, guards and audit as in the back office: who may set up changes them, those who lead the reading
see what concerns their sites' readers."""

from __future__ import annotations

import copy
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request

from ris.audit.services import record
from ris.kernel.api import ModelForm
from ris.kernel.clock import now
from ris.kernel.errors import Forbidden
from ris.people.http import actor_of, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for
from worklist.models import AiPerformance, ClockStart, EscalationRoute, Privilege, ReaderProfile, SiteReading, Skill
from worklist.selectors.access import colleagues


class _SetUpSerializer(ModelForm[Any]):
    """Refuses what the model refuses, its constraints included, before the database does."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        made: Any = self.Meta.model
        row = made() if self.instance is None else copy.copy(self.instance)
        for name, value in attrs.items():
            setattr(row, name, value)
        try:
            row.full_clean()
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from None
        return attrs


def _words(help_text: str) -> Any:
    return serializers.ListField(child=serializers.CharField(max_length=32), required=False, help_text=help_text)


class ReaderProfileSerializer(_SetUpSerializer):
    """How much a reader takes at once, and how fast they read."""

    name = serializers.CharField(source="user.display_name", read_only=True)

    class Meta:
        model = ReaderProfile
        fields = [
            "id", "user", "name", "most_claims", "most_minutes", "pace", "seniority", "trainee", "team", "accepts_push",
            "call_address",
        ]  # fmt: skip
        extra_kwargs = {"call_address": {"write_only": True}}  # it may hold a token


class SkillSerializer(_SetUpSerializer):
    """A reader's skill in a subspecialty."""

    modalities = _words("Empty: all.")
    regions = _words("Body regions; empty: all.")

    class Meta:
        model = Skill
        fields = ["id", "reader", "subspecialty", "level", "modalities", "regions", "youngest", "oldest"]


class PrivilegeSerializer(_SetUpSerializer):
    """A reader's licence or privilege at a site."""

    class Meta:
        model = Privilege
        fields = ["id", "reader", "site", "kind", "number", "valid_from", "valid_until"]


class AiPerformanceSerializer(_SetUpSerializer):
    """The predictive value of an AI product at a site."""

    class Meta:
        model = AiPerformance
        fields = ["id", "vendor", "code", "site", "urgency", "ppv", "expires_minutes"]


class SiteReadingSerializer(_SetUpSerializer):
    """When cases of a site are opened for reading."""

    class Meta:
        model = SiteReading
        fields = ["id", "site", "opens_on", "images_within"]


class ClockStartSerializer(_SetUpSerializer):
    """The event with which the SLA clock starts."""

    class Meta:
        model = ClockStart
        fields = ["id", "site", "urgency", "modality", "event"]


class EscalationRouteSerializer(_SetUpSerializer):
    """Who is told of a rung, and how."""

    class Meta:
        model = EscalationRoute
        fields = ["id", "site", "rung", "urgency", "way", "address", "active"]


class _SetUp(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    viewsets.GenericViewSet[Any],
):
    """Rows that an administrator keeps. Each change is audited in its own transaction."""

    permission_classes = [IsAuthenticated]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who may not change anything is told so before what they sent is read."""
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            require(user_of(request), Can.SET_UP)

    def get_queryset(self) -> QuerySet[Any]:
        user = user_of(self.request)
        cans = permissions_of(user)
        rows = super().get_queryset().order_by("pk")
        if Can.SET_UP in cans:
            return rows
        if Can.LEAD_READING not in cans:
            raise Forbidden("Your role does not include this.", code="role")
        return rows.filter(self.concerning(user))

    def concerning(self, lead: User) -> Q:
        """The rows that somebody who leads the reading may see."""
        sites = sites_for(lead, Can.LEAD_READING)
        return Q(site__isnull=True) | Q(site__in=sites)

    def perform_create(self, serializer: Any) -> None:
        self._save(serializer, "set-up.add")

    def perform_update(self, serializer: Any) -> None:
        self._save(serializer, "set-up.change", fields=sorted(serializer.validated_data))

    def _save(self, serializer: Any, action: str, **detail: Any) -> None:
        with transaction.atomic():
            row = serializer.save()
            record(actor_of(self.request), action, row, at=now(), **detail)

    def perform_destroy(self, instance: Model) -> None:
        with transaction.atomic():
            record(actor_of(self.request), "set-up.remove", instance, at=now())
            instance.delete()


class _OfReaders(_SetUp):
    """Of readers: those who lead the reading see their colleagues'."""

    owner = "reader"

    def concerning(self, lead: User) -> Q:
        return Q(**{f"{self.owner}__in": [person.pk for person in colleagues(lead)]})


class ReaderProfileViewSet(_OfReaders):
    """How readers work: limits, pace, seniority, team."""

    owner = "user"
    serializer_class = ReaderProfileSerializer
    queryset = ReaderProfile.objects.all()
    filterset_fields = ["user", "team", "trainee"]
    http_method_names = ["get", "post", "patch", "head", "options"]


class SkillViewSet(_OfReaders, mixins.DestroyModelMixin):
    """What readers read."""

    serializer_class = SkillSerializer
    queryset = Skill.objects.all()
    filterset_fields = ["reader", "subspecialty", "level"]


class PrivilegeViewSet(_OfReaders, mixins.DestroyModelMixin):
    """Licences and credentials, with their ends."""

    serializer_class = PrivilegeSerializer
    queryset = Privilege.objects.all()
    filterset_fields = ["reader", "site", "kind"]


class AiPerformanceViewSet(_SetUp, mixins.DestroyModelMixin):
    """How often an algorithm's positive is true."""

    serializer_class = AiPerformanceSerializer
    queryset = AiPerformance.objects.all()
    filterset_fields = ["vendor", "code", "site"]


class SiteReadingViewSet(_SetUp):
    """What puts an exam on a site's reading worklist."""

    serializer_class = SiteReadingSerializer
    queryset = SiteReading.objects.all()
    filterset_fields = ["site"]
    http_method_names = ["get", "post", "patch", "head", "options"]


class ClockStartViewSet(_SetUp, mixins.DestroyModelMixin):
    """At which event an SLA clock begins, by site, class and modality. How long it runs, rules say."""

    serializer_class = ClockStartSerializer
    queryset = ClockStart.objects.all()
    filterset_fields = ["site", "urgency"]


class EscalationRouteViewSet(_SetUp, mixins.DestroyModelMixin):
    """Who is told of a rung, and how."""

    serializer_class = EscalationRouteSerializer
    queryset = EscalationRoute.objects.all()
    filterset_fields = ["site", "rung", "active"]
