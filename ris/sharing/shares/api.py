"""Shares over REST, for the people here. Recipients have pages only."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record, record_shown
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of

from ..models import Share, ShareView
from .links import link_of, send_link
from .selectors import share_for, standing_of, visible_shares
from .services import ShareIntent, make_share, revoke_share


class ShareSerializer(serializers.ModelSerializer[Share]):
    """A share. ``standing``: open, or why it opens nothing: revoked, expired, locked, used up."""

    standing = serializers.SerializerMethodField()

    class Meta:
        model = Share
        fields = ["id", "report", "audience", "recipient", "contact", "parts", "factor", "made_by", "made_at",
                  "expires_at", "most_views", "views", "wrong", "revoked_at", "revoked_by", "revoked_why",
                  "standing"]  # fmt: skip

    def get_standing(self, share: Share) -> str:
        """Whether the link opens something now."""
        return standing_of(share, at=now())


class NewShareSerializer(serializers.Serializer[Any]):
    """What was made. Link and PIN are shown this once; give them to the recipient on two ways."""

    share = ShareSerializer()
    link = serializers.URLField()
    pin = serializers.CharField(allow_blank=True)
    mailed = serializers.BooleanField(allow_null=True)


class ShareForm(serializers.Serializer[Any]):
    """What is to be shared with whom."""

    audience = serializers.ChoiceField(choices=Share.AUDIENCES)
    recipient = serializers.CharField(max_length=120)
    contact = serializers.CharField(max_length=200, default="", allow_blank=True)
    parts = serializers.MultipleChoiceField(choices=Share.PARTS)
    factor = serializers.ChoiceField(choices=Share.FACTORS)
    days = serializers.IntegerField(min_value=1, max_value=365)
    most_views = serializers.IntegerField(min_value=1, max_value=1000)


class ShareViewSerializer(serializers.ModelSerializer[ShareView]):
    """One attempt or look at a share."""

    class Meta:
        model = ShareView
        fields = ["at", "address", "what"]


class ShareReason(serializers.Serializer[Any]):
    """Why a share ends."""

    reason = serializers.CharField(max_length=250)


class ReportSharesView(APIView):
    """Shares of a report."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ShareForm, responses={201: NewShareSerializer})
    def post(self, request: Request, report_id: int) -> Response:
        """Share it; 409 when it must not be shared. The link is mailed where a ``contact`` is given."""
        form = ShareForm(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        intent = ShareIntent(parts=tuple(sorted(given.pop("parts"))), **given)
        made = make_share(report_id, intent, maker=user_of(request), actor=actor_of(request), at=now())
        mailed = send_link(made.share, made.token) if made.share.contact else None
        body = {"share": made.share, "link": link_of(made.token), "pin": made.pin, "mailed": mailed}
        return Response(NewShareSerializer(body).data, status=status.HTTP_201_CREATED)


class ShareViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Share]):
    """The caller's shares; for privacy officers and leads those of their sites, too."""

    permission_classes = [IsAuthenticated]
    serializer_class = ShareSerializer
    queryset = Share.objects.none()

    def get_queryset(self) -> QuerySet[Share]:
        return visible_shares(user_of(self.request))

    def get_object(self) -> Share:
        return share_for(user_of(self.request), int(self.kwargs["pk"]))

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of shares; each is audited."""
        page = super().paginate_queryset(queryset)
        rows = ((share, share.report.procedure.order.patient_id) for share in page or ())
        record_shown(actor_of(self.request), "shares.view", rows, at=now())
        return page

    @extend_schema(responses=ShareViewSerializer(many=True))
    @action(detail=True)
    def log(self, request: Request, pk: str) -> Response:
        """Who tried it and looked at what, newest first, at most 500. Audited."""
        share = self.get_object()
        patient_id = share.report.procedure.order.patient_id
        record(actor_of(request), "share.view-log", share, patient_id=patient_id, at=now())
        return Response(ShareViewSerializer(share.log.all()[:500], many=True).data)

    @extend_schema(request=ShareReason, responses=ShareSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """Have the link open nothing from now on."""
        form = ShareReason(data=request.data)
        form.is_valid(raise_exception=True)
        done = revoke_share(user_of(request), int(pk), reason=form.validated_data["reason"], actor=actor_of(request),
                            at=now())  # fmt: skip
        return Response(ShareSerializer(done).data)
