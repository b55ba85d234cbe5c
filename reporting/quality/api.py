"""Peer review and feedback over REST; blinded as the pages are."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.api import IdField
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.people.http import actor_of, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for

from ..models import PeerFeedback, PeerReview, TeachingCase
from . import selectors
from .models import SCORES
from .precision import check_figures
from .serializers import (
    CheckFiguresSerializer,
    PeerFeedbackSerializer,
    PeerReviewSerializer,
    RatesSerializer,
    TeachingCaseSerializer,
)
from .services import MOST_SAMPLED, MOST_WORDS, arbitrate, give_feedback, review_prior, sample_reviews, score_review
from .teaching import add_teaching_case, remove_teaching_case, visible_teaching_cases


class ScoreForm(serializers.Serializer[Any]):
    """A RADPEER score; ``note`` is wanted with all but 1."""

    score = serializers.ChoiceField(SCORES)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=MOST_WORDS)


class PriorForm(serializers.Serializer[Any]):
    """Which report is taken for review."""

    report = IdField()


class SampleForm(serializers.Serializer[Any]):
    """Which reports are drawn for whom."""

    site = IdField()
    reviewer = IdField()
    number = serializers.IntegerField(min_value=1, max_value=MOST_SAMPLED)
    modality = serializers.CharField(required=False, allow_blank=True, default="", max_length=16)
    targeted = serializers.BooleanField(default=False)


class PeerReviewViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[PeerReview]):
    """Reviews that wait for the caller: assigned ones, or with ``?state=arbitration`` disputed ones of who leads."""

    permission_classes = [IsAuthenticated]
    serializer_class = PeerReviewSerializer
    queryset = PeerReview.objects.none()
    filterset_fields = ["state"]

    def get_queryset(self) -> Any:
        user = user_of(self.request)
        require(user, Can.REVIEW_REPORTS)
        rows = selectors.my_reviews(user) | selectors.disputed_reviews(user)
        return rows.order_by("pk")

    @extend_schema(request=PriorForm, responses={201: PeerReviewSerializer})
    def create(self, request: Request) -> Response:
        """Take the report of a prior for review; 403 for a case that one had a part in."""
        form = PriorForm(data=request.data)
        form.is_valid(raise_exception=True)
        require(user_of(request), Can.REVIEW_REPORTS)
        row = review_prior(form.validated_data["report"], reviewer=user_of(request), actor=actor_of(request), at=now())
        return Response(PeerReviewSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ScoreForm, responses=PeerReviewSerializer)
    @action(detail=True, methods=["post"])
    def score(self, request: Request, pk: str) -> Response:
        """Score a report that the caller was assigned."""
        form = ScoreForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.REVIEW_REPORTS)
        row = score_review(int(pk), reviewer=user, actor=actor_of(request), at=now(), **form.validated_data)
        return Response(PeerReviewSerializer(row).data)

    @extend_schema(request=ScoreForm, responses=PeerReviewSerializer)
    @action(detail=True, methods=["post"])
    def arbitrate(self, request: Request, pk: str) -> Response:
        """Settle a disputed review."""
        form = ScoreForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.LEAD_QUALITY)
        row = arbitrate(int(pk), arbiter=user, actor=actor_of(request), at=now(), **form.validated_data)
        return Response(PeerReviewSerializer(row).data)

    @extend_schema(request=SampleForm, responses={201: PeerReviewSerializer(many=True)})
    @action(detail=False, methods=["post"])
    def sample(self, request: Request) -> Response:
        """Draw reports for a reviewer, at random or targeted."""
        form = SampleForm(data=request.data)
        form.is_valid(raise_exception=True)
        given, user = dict(form.validated_data), user_of(request)
        require(user, Can.LEAD_QUALITY)
        site = sites_for(user, Can.LEAD_QUALITY).filter(pk=given.pop("site")).first()
        reviewer = User.objects.filter(pk=given.pop("reviewer"), is_active=True).first()
        if not isinstance(site, Site) or reviewer is None:
            raise NotFound("There is no such site or person among yours.")
        rows = sample_reviews(site, reviewer, by=user, actor=actor_of(request), at=now(), **given)
        return Response(PeerReviewSerializer(rows, many=True).data, status=status.HTTP_201_CREATED)


class FeedbackForm(serializers.Serializer[Any]):
    """What the author of a report is told."""

    report = IdField()
    kind = serializers.ChoiceField(PeerFeedback.KINDS)
    text = serializers.CharField(max_length=MOST_WORDS)
    conference = serializers.BooleanField(default=False)


class PeerFeedbackViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[PeerFeedback]):
    """Feedback to the caller."""

    permission_classes = [IsAuthenticated]
    serializer_class = PeerFeedbackSerializer
    queryset = PeerFeedback.objects.none()
    filterset_fields = ["kind"]

    def get_queryset(self) -> Any:
        require(user_of(self.request), Can.READ_CASES)
        return selectors.feedback_to(user_of(self.request))

    @extend_schema(request=FeedbackForm, responses={201: PeerFeedbackSerializer})
    def create(self, request: Request) -> Response:
        """Give feedback; 403 for a case that one had a part in."""
        form = FeedbackForm(data=request.data)
        form.is_valid(raise_exception=True)
        given, user = dict(form.validated_data), user_of(request)
        require(user, Can.REVIEW_REPORTS)
        row = give_feedback(given.pop("report"), giver=user, actor=actor_of(request), at=now(), **given)
        return Response(PeerFeedbackSerializer(row).data, status=status.HTTP_201_CREATED)


class QualityRatesView(APIView):
    """Rates of the last twelve months by modality, for who leads quality."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=RatesSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Reports that were signed at the caller's sites."""
        require(user_of(request), Can.LEAD_QUALITY)
        return Response(RatesSerializer(selectors.rates_of(user_of(request), at=now()), many=True).data)


class QualityChecksView(APIView):
    """How often the checks before signing were right in the last ninety days, for who leads quality."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=CheckFiguresSerializer(many=True))
    def get(self, request: Request) -> Response:
        """By check and site, at the caller's sites. Seeing it is audited: reasons are words of people."""
        user, at = user_of(request), now()
        require(user, Can.LEAD_QUALITY)
        record(actor_of(request), "quality.checks", user, at=at)
        return Response(CheckFiguresSerializer(check_figures(user, at=at), many=True).data)


class TeachingCaseViewSet(mixins.ListModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[TeachingCase]):
    """The teaching file of the caller's sites."""

    permission_classes = [IsAuthenticated]
    serializer_class = TeachingCaseSerializer
    queryset = TeachingCase.objects.none()
    filterset_fields = ["report", "made_by"]

    def get_queryset(self) -> Any:
        require(user_of(self.request), Can.READ_CASES)
        return visible_teaching_cases(user_of(self.request))

    @extend_schema(request=TeachingCaseSerializer, responses={201: TeachingCaseSerializer})
    def create(self, request: Request) -> Response:
        """Put a final report in; 409 when the caller has it there already."""
        form = TeachingCaseSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given, user = dict(form.validated_data), user_of(request)
        require(user, Can.READ_CASES)
        row = add_teaching_case(given.pop("report_id"), by=user, actor=actor_of(request), at=now(), **given)
        return Response(TeachingCaseSerializer(row).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: TeachingCase) -> None:
        remove_teaching_case(instance.pk, by=user_of(self.request), actor=actor_of(self.request), at=now())
