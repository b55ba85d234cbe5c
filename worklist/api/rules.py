"""REST API of rule sets, and of trying them on past cases."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ris.catalog.models import Site
from ris.kernel.api import MomentField
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require, sites_for
from worklist.models import RuleSet
from worklist.rules.language.flaws import check
from worklist.rules.language.parser import parse
from worklist.rules.language.sentences import sentence
from worklist.selectors.replay.comparison import replay
from worklist.selectors.rules_in_force import visible_rule_sets
from worklist.services.rules_in_force import checked, draft_rules, put_in_force, read_yaml, retire, write_yaml

from .trials import answer_as_it_goes


class RuleSetSerializer(serializers.ModelSerializer[RuleSet]):
    """A version, with its rules as sentences and what is wrong with them."""

    sentences = serializers.SerializerMethodField()
    flaws = serializers.SerializerMethodField()

    class Meta:
        model = RuleSet
        fields = [
            "id", "site", "number", "state", "rules", "note", "in_force_from", "in_force_until", "made_by", "made_at",
            "sentences", "flaws",
        ]  # fmt: skip
        read_only_fields = ["number", "state", "in_force_from", "in_force_until", "made_by", "made_at"]

    def get_sentences(self, row: RuleSet) -> list[str]:
        """Each rule as an English sentence; none where they can be read no more, which is said among the flaws."""
        try:
            return [sentence(rule) for rule in parse(row.rules)]
        except Invalid:
            return []

    def get_flaws(self, row: RuleSet) -> list[dict[str, str]]:
        """What is wrong with the rules; of kind ``unreadable`` where the language no longer has what they say."""
        try:
            return flaws_of(row.rules)
        except Invalid as refusal:
            return [{"kind": "unreadable", "rule": refusal.at, "other": "", "sentence": refusal.detail}]


def flaws_of(rules: Any) -> list[dict[str, str]]:
    """The flaws of rules given as plain values."""
    found = check(parse(rules))
    return [{"kind": f.kind, "rule": f.rule, "other": f.other, "sentence": f.sentence} for f in found]


class RulesForm(serializers.Serializer[Any]):
    """Rules as JSON (``rules``) or as YAML (``yaml``)."""

    rules = serializers.JSONField(required=False)
    yaml = serializers.CharField(required=False, max_length=500_000, trim_whitespace=False)
    site = serializers.PrimaryKeyRelatedField(
        queryset=Site.objects.all(), required=False, allow_null=True, default=None
    )
    note = serializers.CharField(required=False, max_length=250, default="", allow_blank=True)


class TryForm(RulesForm):
    """Rules to try on the cases of a time in the past."""

    since = MomentField()
    until = MomentField()


class RuleSetViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RuleSet]):
    """Versions of the rules, for those who lead the reading."""

    permission_classes = [IsAuthenticated]
    serializer_class = RuleSetSerializer
    queryset = RuleSet.objects.none()
    filterset_fields = ["site", "state"]

    def get_queryset(self) -> QuerySet[RuleSet]:
        require(user_of(self.request), Can.LEAD_READING)
        return visible_rule_sets(user_of(self.request))

    def _form(self) -> dict[str, Any]:
        form = RulesForm(data=self.request.data)
        form.is_valid(raise_exception=True)
        return rules_of_form(form.validated_data)

    @extend_schema(request=RulesForm, responses={201: RuleSetSerializer})
    def create(self, request: Request) -> Response:
        """Keep rules as a new draft version."""
        user = user_of(request)
        require(user, Can.LEAD_READING)
        values = self._form()
        self._may_change(values["site"].pk if values["site"] else None)
        row = draft_rules(
            values["rules"], site=values["site"], note=values["note"], maker=user, actor=actor_of(request), at=now()
        )
        return Response(RuleSetSerializer(row).data, status=status.HTTP_201_CREATED)

    def _may_change(self, site_id: int | None) -> None:
        require(user_of(self.request), Can.LEAD_READING, site_id)

    @extend_schema(request=RulesForm, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """The rules as sentences, and what is wrong with them; nothing is kept."""
        require(user_of(request), Can.LEAD_READING)
        values = self._form()
        rules, _ = checked(values["rules"])
        return Response({"sentences": [sentence(rule) for rule in rules], "flaws": flaws_of(values["rules"])})

    @extend_schema(request=TryForm, responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    @action(detail=False, methods=["post"], url_path="try")
    def try_out(self, request: Request) -> StreamingHttpResponse:
        """What these rules would have done with a period of the past; nothing is touched.

        Lines of JSON: ``{"progress": 0.4}`` while it runs, then ``{"result": …}``, or ``{"refused": …}``.
        """
        user = user_of(request)
        require(user, Can.LEAD_READING)
        form = TryForm(data=request.data)
        form.is_valid(raise_exception=True)
        values = rules_of_form(form.validated_data)
        rules, _ = checked(values["rules"])
        mine = sites_for(user, Can.LEAD_READING)
        sites = list((mine.filter(pk=values["site"].pk) if values["site"] else mine).values_list("pk", flat=True))
        period = {"since": values["since"], "until": values["until"]}
        return answer_as_it_goes(request, partial(replay, rules, sites=sites, viewer=user, **period))

    @extend_schema(request=None, responses=RuleSetSerializer)
    @action(detail=True, methods=["post"], url_path="put-in-force")
    def put_in_force(self, request: Request, pk: str) -> Response:
        """From now on this version decides."""
        row = self._changeable()
        return Response(RuleSetSerializer(put_in_force(row.pk, actor=actor_of(request), at=now())).data)

    @extend_schema(request=None, responses=RuleSetSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        """End it without another: the presets decide again."""
        row = self._changeable()
        return Response(RuleSetSerializer(retire(row.pk, actor=actor_of(request), at=now())).data)

    def _changeable(self) -> RuleSet:
        row = self.get_object()
        self._may_change(row.site_id)
        return row

    @extend_schema(responses={(200, "application/yaml"): OpenApiTypes.STR})
    @action(detail=True, url_path="yaml")
    def as_yaml(self, request: Request, pk: str) -> HttpResponse:
        """The rules as YAML."""
        return HttpResponse(write_yaml(self.get_object().rules), content_type="application/yaml; charset=utf-8")


def rules_of_form(values: dict[str, Any]) -> dict[str, Any]:
    """The form's values, with ``rules`` read from YAML where they were sent so."""
    if "yaml" in values:
        return {**values, "rules": read_yaml(values["yaml"])}
    if "rules" not in values:
        raise Invalid("rules (JSON) or yaml is wanted.", at="rules")
    return values
