"""REST API of the score's numbers: in force, with what was expected and what came; proposals, and trying them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from worklist.models import ScorePolicy
from worklist.rules.policy import Policy, read_policy
from worklist.selectors.replay.tuning import FEWEST_WEEKS, MOST_WEEKS, Progress, try_policy
from worklist.selectors.rules_in_force import decides_score, policy_in_force, require_score_decision, weeks_since
from worklist.services.rules_in_force import propose_policy, put_policy_in_force, retire_policy

from .trials import answer_as_it_goes

_NUMBERS = serializers.DictField(child=serializers.FloatField(), help_text="Name of a number → minutes of due time.")


class ScorePolicySerializer(serializers.ModelSerializer[ScorePolicy]):
    """A version of the numbers, with what was simulated of it before anybody decided."""

    values = serializers.SerializerMethodField()

    class Meta:
        model = ScorePolicy
        fields = [
            "id", "state", "values", "expected", "note", "made_by", "made_at", "in_force_from", "in_force_until",
        ]  # fmt: skip

    @extend_schema_field(_NUMBERS)
    def get_values(self, row: ScorePolicy) -> dict[str, float]:
        """All numbers, those that are as preset too."""
        return read_policy(row.values).kept()


class WeekSerializer(serializers.Serializer[Any]):
    """What came of the cases that were finished in a week."""

    begin = serializers.DateTimeField()
    cases = serializers.IntegerField()
    late = serializers.IntegerField()
    breaches = serializers.FloatField(help_text="Percent of the cases.")
    stat = serializers.IntegerField(help_text="Critical and STAT cases.")
    stat_late = serializers.IntegerField()
    stat_breaches = serializers.FloatField(help_text="Percent of the critical and STAT cases.")


class FollowedPolicySerializer(ScorePolicySerializer):
    """The same, with what came of it."""

    weeks = serializers.SerializerMethodField(help_text="The latest first, at most twelve; none before it is in force.")

    class Meta(ScorePolicySerializer.Meta):
        fields = [*ScorePolicySerializer.Meta.fields, "weeks"]

    @extend_schema_field(WeekSerializer(many=True))
    def get_weeks(self, row: ScorePolicy) -> Any:
        """Week by week, while it was in force."""
        weeks = weeks_since(row.in_force_from, row.in_force_until or now()) if row.in_force_from else ()
        return WeekSerializer(weeks, many=True).data


class PresentSerializer(serializers.Serializer[Any]):
    """The numbers that score now."""

    policy = serializers.IntegerField(allow_null=True, help_text="Id of the version; null: the presets.")
    values = serializers.DictField(child=serializers.FloatField())
    may_decide = serializers.BooleanField(help_text="Whether the caller leads the reading at every site.")


class ScorePolicyForm(serializers.Serializer[Any]):
    """Numbers to try on the house's own past weeks."""

    values = serializers.DictField(
        allow_empty=False, help_text="Name → minutes, 0 to 1440; what is not named is as it is in force."
    )
    weeks = serializers.IntegerField(min_value=FEWEST_WEEKS, max_value=MOST_WEEKS, default=4)
    note = serializers.CharField(max_length=250, default="", allow_blank=True, help_text="Kept with a proposal.")


class ScorePolicyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ScorePolicy]):
    """The numbers of the score: seen by those who lead the reading, decided by who leads it at every site."""

    permission_classes = [IsAuthenticated]
    queryset = ScorePolicy.objects.none()
    filterset_fields = ["state"]

    def get_serializer_class(self) -> type[ScorePolicySerializer]:
        return FollowedPolicySerializer if self.action == "retrieve" else ScorePolicySerializer

    def get_queryset(self) -> QuerySet[ScorePolicy]:
        require(user_of(self.request), Can.LEAD_READING)
        return ScorePolicy.objects.order_by("-pk")

    @extend_schema(responses=PresentSerializer, filters=False)
    @action(detail=False, url_path="in-force", pagination_class=None)
    def in_force(self, request: Request) -> Response:
        """The numbers that score now."""
        live = self.get_queryset().filter(state=ScorePolicy.LIVE).first()
        may = decides_score(user_of(request))
        values = policy_in_force().kept()
        return Response(PresentSerializer({"policy": live and live.pk, "values": values, "may_decide": may}).data)

    @extend_schema(request=ScorePolicyForm, responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    def create(self, request: Request) -> StreamingHttpResponse:
        """Propose numbers: they are tried as by `try`, and kept with what is expected of them. They score nothing yet.

        Lines of JSON as of `try`; the result is the proposal.
        """
        values, policy = self._form()
        who = {"note": values["note"], "maker": user_of(request), "actor": actor_of(request)}

        def simulate(progress: Progress) -> Any:
            expected = _expected(policy, values["weeks"], progress)
            return ScorePolicySerializer(propose_policy(policy, expected=expected, at=now(), **who)).data

        return answer_as_it_goes(request, simulate)

    @extend_schema(request=ScorePolicyForm, responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    @action(detail=False, methods=["post"], url_path="try")
    def try_out(self, request: Request) -> StreamingHttpResponse:
        """What these numbers would have done with the weeks before now, beside those in force; nothing is touched.

        Lines of JSON: ``{"progress": 0.4}`` while it runs, then ``{"result": …}``, or ``{"refused": …}``.
        """
        values, policy = self._form()
        return answer_as_it_goes(request, lambda progress: _expected(policy, values["weeks"], progress))

    def _form(self) -> tuple[dict[str, Any], Policy]:
        require(user_of(self.request), Can.LEAD_READING)
        require_score_decision(user_of(self.request))
        form = ScorePolicyForm(data=self.request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        return values, read_policy({**policy_in_force().kept(), **values["values"]})

    @extend_schema(request=None, responses=ScorePolicySerializer)
    @action(detail=True, methods=["post"], url_path="put-in-force")
    def put_in_force(self, request: Request, pk: str) -> Response:
        """Score every open case by these numbers from now on; those in force are retired."""
        return self._decide(put_policy_in_force)

    @extend_schema(request=None, responses=ScorePolicySerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        """End the numbers in force without others: the presets score again."""
        return self._decide(retire_policy)

    def _decide(self, service: Any) -> Response:
        row = self.get_object()
        require_score_decision(user_of(self.request))
        return Response(ScorePolicySerializer(service(row.pk, actor=actor_of(self.request), at=now())).data)


def _expected(policy: Policy, weeks: int, progress: Progress) -> dict[str, object]:
    sites = list(Site.objects.values_list("pk", flat=True))
    tried = try_policy(policy, sites, until=now(), weeks=weeks, present=policy_in_force(), progress=progress)
    return tried.kept()
