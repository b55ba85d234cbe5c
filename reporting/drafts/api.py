"""Texts that are not signed or sent, over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.kernel.clock import now
from ris.kernel.values import MOST_NUMBER
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require

from .. import services
from ..models import TextDraft
from ..serializers import ReportSerializer
from .selectors import visible_texts


class TextDraftSerializer(serializers.ModelSerializer[TextDraft]):
    """A text that was not signed or sent: what each field holds, and upon which revision of the report it was typed."""

    author_name = serializers.CharField(source="author.display_name", read_only=True)

    class Meta:
        model = TextDraft
        fields = ["id", "item", "kind", "author", "author_name", "fields", "base_revision", "version", "saved_at"]


class TextDraftForm(serializers.Serializer[Any]):
    """A text as it stands in its box. ``version``: the one that was read, 0 for none."""

    item = serializers.IntegerField(min_value=1, max_value=MOST_NUMBER)
    kind = serializers.ChoiceField(TextDraft.KINDS)
    version = serializers.IntegerField(min_value=0, max_value=MOST_NUMBER, default=0)
    base_revision = serializers.IntegerField(min_value=0, max_value=MOST_NUMBER, default=0)
    texts = serializers.DictField(child=serializers.CharField(allow_blank=True, trim_whitespace=False))


class HandoverForm(serializers.Serializer[Any]):
    """Whether another's unsigned words stay in the draft."""

    revision = serializers.IntegerField(min_value=0, max_value=MOST_NUMBER)
    keep = serializers.BooleanField()


class TextDraftViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TextDraft]):
    """The caller's own open texts, and words that lie with a case that they hold."""

    permission_classes = [IsAuthenticated]
    serializer_class = TextDraftSerializer
    queryset = TextDraft.objects.none()
    filterset_fields = ["item", "kind"]

    def get_queryset(self) -> Any:
        require(user_of(self.request), Can.READ_CASES)
        return visible_texts(user_of(self.request))

    @extend_schema(request=TextDraftForm, responses={201: TextDraftSerializer})
    def create(self, request: Request) -> Response:
        """Save a text upon ``version``; 409 (``stale-draft``) when another window saved it since."""
        form = TextDraftForm(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        draft = services.save_text(
            given["item"], given["kind"], author=user_of(request), version=given["version"], fields=given["texts"],
            base_revision=given["base_revision"], actor=actor_of(request), at=now(),
        )  # fmt: skip
        return Response(TextDraftSerializer(draft).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=TextDraftSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Put a text aside."""
        draft = self.get_object()
        done = services.put_text_aside(draft.pk, reader=user_of(request), actor=actor_of(request), at=now())
        return Response(TextDraftSerializer(done).data)


class HandoverView(APIView):
    """Another's unsigned words in the draft of a case that the caller holds."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=HandoverForm, responses=ReportSerializer)
    def post(self, request: Request, item_id: int) -> Response:
        """Keep them (signing names both), or set them aside (the draft begins empty)."""
        form = HandoverForm(data=request.data)
        form.is_valid(raise_exception=True)
        require(user_of(request), Can.READ_CASES)
        report = services.decide_handover(
            item_id, reader=user_of(request), actor=actor_of(request), at=now(), **form.validated_data
        )
        return Response(ReportSerializer(report, context={"request": request}).data)
