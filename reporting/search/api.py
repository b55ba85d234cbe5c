"""The search over REST."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
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

from . import services
from .models import SavedSearch
from .pages import found_for
from .selectors import QUESTION_FIELDS, saved_search, saved_searches
from .serializers import FoundSerializer, SavedSearchSerializer, SearchQuery


class SearchView(APIView):
    """Released reports that the caller may see, by their words."""

    permission_classes = [IsAuthenticated]

    @extend_schema(parameters=[SearchQuery], responses=FoundSerializer)
    def get(self, request: Request) -> Response:
        """A page of 25, the best of the newest 500 first. 400 names the parameter that is wrong. Audited."""
        user = user_of(request)
        require(user, Can.SEE_REPORTS)
        fields = {name: request.query_params.get(name, "") for name in QUESTION_FIELDS}
        return Response(FoundSerializer(found_for(request._request, user, fields)).data)


class SavedSearchViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SavedSearch]):
    """The caller's own kept searches."""

    permission_classes = [IsAuthenticated]
    serializer_class = SavedSearchSerializer
    queryset = SavedSearch.objects.none()

    def get_queryset(self) -> QuerySet[SavedSearch]:
        return saved_searches(user_of(self.request))

    def get_object(self) -> SavedSearch:
        return saved_search(user_of(self.request), int(self.kwargs["pk"]))

    @extend_schema(responses={201: SavedSearchSerializer})
    def create(self, request: Request) -> Response:
        """Keep a search; one of the same name is replaced."""
        form = SavedSearchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields: dict[str, Any] = form.validated_data
        kept = services.save_search(
            user_of(request), fields["name"], fields["question"], actor=actor_of(request), at=now()
        )
        return Response(SavedSearchSerializer(kept).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete one."""
        services.delete_search(user_of(request), int(pk), actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)
