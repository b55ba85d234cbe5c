"""Role mappings over REST. Needs ``set_up``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.kernel.api import IdField
from ris.kernel.clock import now

from ..http import actor_of, user_of
from ..models import RoleMapping
from ..roles import Can, Role
from ..selectors import require
from . import services


class RoleMappingSerializer(serializers.ModelSerializer[RoleMapping]):
    """A group of an identity provider and the role that it gives."""

    class Meta:
        model = RoleMapping
        fields = ["id", "provider", "value", "role", "site"]


class RoleMappingForm(serializers.Serializer[Any]):
    """``provider``: its id, empty for every one. ``site``: id, null for every site."""

    provider = serializers.CharField(max_length=40, allow_blank=True, default="")
    value = serializers.CharField(max_length=services.LONGEST)
    role = serializers.ChoiceField(choices=[role.value for role in Role])
    site = IdField(allow_null=True, default=None)


class RoleMappingViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RoleMapping]):
    """Which group of which identity provider gives which role where."""

    permission_classes = [IsAuthenticated]
    queryset = RoleMapping.objects.all()
    serializer_class = RoleMappingSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raise Forbidden for who does not set up."""
        super().initial(request, *args, **kwargs)
        require(user_of(request), Can.SET_UP)

    @extend_schema(request=RoleMappingForm, responses={201: RoleMappingSerializer})
    def create(self, request: Request) -> Response:
        """Have a group give a role, from each person's next log-in on."""
        form = RoleMappingForm(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        row = services.add_mapping(
            provider=given["provider"], value=given["value"], role=given["role"], site_id=given["site"],
            actor=actor_of(request), at=now(),
        )  # fmt: skip
        return Response(RoleMappingSerializer(row).data, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a mapping away, and at once the roles that people had by it."""
        services.remove_mapping(int(pk), actor=actor_of(request), at=now())
        return Response(status=204)
