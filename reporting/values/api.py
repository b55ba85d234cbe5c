"""Values, sets and AI findings over REST."""

from __future__ import annotations

from dataclasses import asdict

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import selectors as worklist

from . import services
from .models import ElementSet, ReportValue
from .serializers import ComputedForm, DecisionForm, SetForm, SetSerializer, ValueSerializer


class ValueViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[ReportValue]):
    """Values that released reports state, of reports that the caller may see; by element, number and source."""

    permission_classes = [IsAuthenticated]
    serializer_class = ValueSerializer
    queryset = ReportValue.objects.none()
    filterset_fields = {
        "element": ["exact"], "code": ["exact"], "source": ["exact"], "number": ["gte", "lte"],
        "version__report": ["exact"],
    }  # fmt: skip

    def get_queryset(self) -> QuerySet[ReportValue]:
        return services.visible_values(user_of(self.request)).select_related("version")


class ElementSetViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[ElementSet]):
    """Sets of common data elements that were imported here."""

    permission_classes = [IsAuthenticated]
    serializer_class = SetSerializer
    queryset = ElementSet.objects.none()

    def get_queryset(self) -> QuerySet[ElementSet]:
        require(user_of(self.request), Can.READ_CASES)
        return ElementSet.objects.all()

    @extend_schema(request=SetForm, responses={201: SetSerializer})
    def create(self, request: Request) -> Response:
        """Import a RadElement JSON file; its template is made, or gets a new version."""
        form = SetForm(data=request.data)
        form.is_valid(raise_exception=True)
        row = services.import_element_set(
            form.validated_data["content"].encode(), user=user_of(request), actor=actor_of(request), at=now()
        )
        return Response(SetSerializer(row).data, status=status.HTTP_201_CREATED)


class FindingsView(APIView):
    """AI findings about a case."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, item_id: int) -> Response:
        """What algorithms found, and what the reader did with it."""
        user = user_of(request)
        require(user, Can.READ_CASES)
        return Response([asdict(offer) for offer in services.offered_findings(worklist.item_for(user, item_id))])

    @extend_schema(request=DecisionForm, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, item_id: int) -> Response:
        """Take one over (its words for the draft) or reject it; 409 unless the caller holds the case."""
        form = DecisionForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.READ_CASES)
        text = services.decide_finding(worklist.item_for(user, item_id).pk, reader=user, actor=actor_of(request),
                                       at=now(), **form.validated_data)  # fmt: skip
        return Response({"text": text, "section": form.validated_data["section"]})


class ComputedView(APIView):
    """Computed fields of a draft."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ComputedForm, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, item_id: int) -> Response:
        """The sections with open computed fields filled in, as far as what they are computed from is there."""
        form = ComputedForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.READ_CASES)
        return Response(
            {"sections": services.fill_computed(worklist.item_for(user, item_id), form.validated_data["sections"])}
        )


class AlgorithmsView(APIView):
    """How readers judge algorithms."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Accepted, edited and rejected findings of each algorithm, for who leads reading."""
        return Response(services.decisions_by_algorithm(user_of(request)))
