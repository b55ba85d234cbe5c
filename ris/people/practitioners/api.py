"""The address book over REST. Needs ``lead_reading`` or ``set_up``."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.kernel.api import IdField
from ris.kernel.clock import now
from ris.kernel.errors import Forbidden

from ..http import actor_of, user_of
from ..models import Practitioner, PractitionerNumber
from ..selectors import permissions_of
from . import selectors, services
from .pages import KEEPERS


class PractitionerNumberSerializer(serializers.ModelSerializer[PractitionerNumber]):
    """A number with the authority that issued it."""

    class Meta:
        model = PractitionerNumber
        fields = ["authority", "number"]


class PractitionerSerializer(serializers.ModelSerializer[Practitioner]):
    """An entry of the address book with all numbers."""

    numbers = PractitionerNumberSerializer(many=True)

    class Meta:
        model = Practitioner
        fields = [
            "id", "name", "former_names", "npi", "numbers", "phones", "account", "state", "reviewed", "doubt",
            "source", "created_at", "version",
        ]  # fmt: skip


class PractitionerForm(serializers.Serializer[Any]):
    """Name (``FAMILY^GIVEN``), NPI and telephone numbers of an entry."""

    name = serializers.CharField(max_length=194)
    npi = serializers.CharField(max_length=20, allow_blank=True, default="")
    phones = serializers.ListField(child=serializers.CharField(max_length=64), max_length=10, default=list)


class PractitionerLinkForm(serializers.Serializer[Any]):
    """The account that is the same person; null: none."""

    account = IdField(allow_null=True)


class PractitionerMergeForm(serializers.Serializer[Any]):
    """The entry that is the same person, and is merged into this one."""

    double = IdField()


class PractitionerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Practitioner]):
    """Entries of the address book."""

    permission_classes = [IsAuthenticated]
    serializer_class = PractitionerSerializer
    queryset = Practitioner.objects.none()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse whoever does not keep the address book."""
        super().initial(request, *args, **kwargs)
        if not permissions_of(user_of(request)) & set(KEEPERS):
            raise Forbidden("Your role does not include keeping the address book.", code="role")

    def get_queryset(self) -> QuerySet[Practitioner]:
        query = self.request.query_params
        unreviewed = query.get("reviewed") == "false"
        return selectors.practitioners_matching(query.get("search", ""), unreviewed=unreviewed)

    def get_object(self) -> Practitioner:
        return selectors.get_practitioner(int(self.kwargs["pk"]))

    @extend_schema(parameters=[OpenApiParameter("search", str), OpenApiParameter("reviewed", bool)])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Entries by ``search`` (name, number or NPI); ``reviewed=false``: those that a person should look at."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=PractitionerForm, responses=PractitionerSerializer)
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, pk: str) -> Response:
        """Write name, NPI and telephone numbers."""
        form = PractitionerForm(data=request.data)
        form.is_valid(raise_exception=True)
        services.correct_practitioner(int(pk), **form.validated_data, actor=actor_of(request), at=now())
        return self._render()

    @extend_schema(request=PractitionerLinkForm, responses=PractitionerSerializer)
    @action(detail=True, methods=["post"])
    def link(self, request: Request, pk: str) -> Response:
        """Say whose account it is."""
        form = PractitionerLinkForm(data=request.data)
        form.is_valid(raise_exception=True)
        services.link_account(int(pk), form.validated_data["account"], actor=actor_of(request), at=now())
        return self._render()

    @extend_schema(request=PractitionerMergeForm, responses=PractitionerSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """Merge a double into it."""
        form = PractitionerMergeForm(data=request.data)
        form.is_valid(raise_exception=True)
        services.merge_practitioners(int(pk), form.validated_data["double"], actor=actor_of(request), at=now())
        return self._render()

    @extend_schema(request=None, responses=PractitionerSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        """They order nothing any more."""
        services.retire_practitioner(int(pk), actor=actor_of(request), at=now())
        return self._render()

    @extend_schema(request=None, responses=PractitionerSerializer)
    @action(detail=True, methods=["post"])
    def reinstate(self, request: Request, pk: str) -> Response:
        """They order again."""
        services.reinstate_practitioner(int(pk), actor=actor_of(request), at=now())
        return self._render()

    def _render(self) -> Response:
        return Response(PractitionerSerializer(self.get_object()).data)
