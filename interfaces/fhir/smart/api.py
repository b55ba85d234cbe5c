"""Apps over REST. Needs ``set_up``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.kernel.api import IdField
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from . import apps
from .grants import end_grants
from .models import App


class AppSerializer(serializers.ModelSerializer[App]):
    """An app as it is registered; its secret is never here."""

    client_id = serializers.CharField(source="pk", read_only=True)
    name = serializers.CharField(source="client.name", read_only=True)
    scopes = serializers.ListField(source="client.get_scopes", child=serializers.CharField(), read_only=True)
    redirect_uris = serializers.ListField(
        source="client.get_redirect_uris", child=serializers.CharField(), read_only=True
    )
    kind = serializers.CharField(read_only=True, help_text="public, confidential or backend.")
    account = serializers.SerializerMethodField(help_text="User name of the account that it acts as.")

    class Meta:
        model = App
        fields = [
            "client_id", "name", "kind", "owner", "scopes", "redirect_uris", "launch_url", "jwks", "jwks_url",
            "account", "sites", "is_active", "last_used_at",
        ]  # fmt: skip

    @extend_schema_field(serializers.CharField())
    def get_account(self, app: App) -> str:
        """Empty where it acts for people."""
        return app.account.username if app.account else ""


class NewAppSerializer(AppSerializer):
    """An app with its secret, which cannot be had again; empty where it has none."""

    client_secret = serializers.CharField(default="", read_only=True)

    class Meta(AppSerializer.Meta):
        fields = [*AppSerializer.Meta.fields, "client_secret"]


class AppForm(serializers.Serializer[Any]):
    """What an app is registered with. ``jwks``: its public keys (RFC 7517) as JSON text."""

    name = serializers.CharField(max_length=100)
    kind = serializers.CharField(max_length=12, help_text="public, confidential or backend.")
    owner = serializers.CharField(max_length=120)
    scopes = serializers.ListField(child=serializers.CharField(max_length=400), max_length=100)
    redirect_uris = serializers.ListField(child=serializers.CharField(max_length=300), max_length=20, default=list)
    launch_url = serializers.CharField(max_length=300, allow_blank=True, default="")
    jwks = serializers.CharField(max_length=20000, allow_blank=True, default="")
    jwks_url = serializers.CharField(max_length=300, allow_blank=True, default="")
    account = serializers.CharField(max_length=150, allow_blank=True, default="")
    sites = serializers.ListField(child=IdField(), max_length=200, default=list)
    is_active = serializers.BooleanField(default=True)


def _intent(data: Any) -> apps.AppIntent:
    form = AppForm(data=data)
    form.is_valid(raise_exception=True)
    given = form.validated_data
    lists = {name: tuple(given[name]) for name in ("scopes", "redirect_uris", "sites")}
    return apps.AppIntent(**(given | lists))


class AppViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[App]):
    """Apps that may ask by FHIR (SMART), with their scopes."""

    permission_classes = [IsAuthenticated]
    queryset = App.objects.select_related("client", "account").prefetch_related("sites").order_by("pk")
    serializer_class = AppSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raise Forbidden for who does not set up."""
        super().initial(request, *args, **kwargs)
        require(user_of(request), Can.SET_UP)

    @extend_schema(request=AppForm, responses={201: NewAppSerializer})
    def create(self, request: Request) -> Response:
        """Register an app. The answer alone has its secret."""
        app, secret = apps.register(_intent(request.data), actor=actor_of(request), at=now())
        app.client_secret = secret  # type: ignore[attr-defined]  # for the serializer
        return Response(NewAppSerializer(app).data, status=201)

    @extend_schema(request=AppForm, responses=AppSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Change an app; all that people let it do ends."""
        return Response(AppSerializer(apps.change(pk, _intent(request.data), actor=actor_of(request), at=now())).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """End all that people let the app do."""
        end_grants(apps.find_app(pk), actor=actor_of(request), at=now())
        return Response(status=204)
