"""Delegations over REST: seen, given and revoked. Only browsers act for somebody; a token never does."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.kernel.api import IdField, MomentField
from ris.kernel.clock import now

from ..http import actor_of, user_of
from ..models import Delegation
from . import services


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    """Who may act for whom, in which duties, until when."""

    class Meta:
        model = Delegation
        fields = ["id", "delegator", "delegate", "duties", "reason", "begins_at", "ends_at", "revoked_at"]


class DelegationForm(serializers.Serializer[Any]):
    """What a delegation is to be; 30 days at most."""

    delegate = IdField()
    duties = serializers.ListField(
        child=serializers.ChoiceField(choices=[duty.value for duty in services.Duty]), min_length=1, max_length=10
    )
    reason = serializers.CharField(max_length=250)
    begins_at = MomentField()
    ends_at = MomentField()


class DelegationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delegation]):
    """Delegations that the user gave or had."""

    permission_classes = [IsAuthenticated]
    queryset = Delegation.objects.none()  # for the schema
    serializer_class = DelegationSerializer

    def get_queryset(self) -> QuerySet[Delegation]:
        """The user's own only."""
        return services.involving(user_of(self.request))

    @extend_schema(request=DelegationForm, responses={201: DelegationSerializer})
    def create(self, request: Request) -> Response:
        """Let another act for the user."""
        form = DelegationForm(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        intent = services.DelegationIntent(
            given["delegate"], given["duties"], given["begins_at"], given["ends_at"], given["reason"]
        )
        row = services.delegate(user_of(request), intent, actor=actor_of(request), at=now())
        return Response(DelegationSerializer(row).data, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """End a delegation at once."""
        services.revoke_delegation(user_of(request), int(pk), actor=actor_of(request), at=now())
        return Response(status=204)
