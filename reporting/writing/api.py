"""Templates, macros and insertions over REST."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ris.kernel.clock import now
from ris.people.http import actor_of, user_of
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import selectors as worklist

from . import insertion, macros
from .case import writing_help
from .macros import visible_macros
from .models import Macro, ReportTemplate
from .serializers import (
    ImportedSerializer,
    ImportForm,
    InsertedSerializer,
    InsertForm,
    MacroSerializer,
    TemplateForm,
    TemplateSerializer,
)
from .templates import CONDITIONS, export_mrrt, import_mrrt, save_template, template_for, visible_templates


class TemplateViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ReportTemplate]):
    """Templates of everybody at the caller's sites, and the caller's own."""

    permission_classes = [IsAuthenticated]
    serializer_class = TemplateSerializer
    queryset = ReportTemplate.objects.none()

    def get_queryset(self) -> QuerySet[ReportTemplate]:
        return visible_templates(user_of(self.request))

    def get_object(self) -> ReportTemplate:
        return template_for(user_of(self.request), int(self.kwargs["pk"]))

    @extend_schema(request=TemplateForm, responses={201: TemplateSerializer})
    def create(self, request: Request) -> Response:
        """Save a new template."""
        return Response(TemplateSerializer(_save(request, None)).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TemplateForm, responses=TemplateSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Save a new version; drafts that were begun from an earlier one stay as they are."""
        return Response(TemplateSerializer(_save(request, self.get_object())).data)

    @extend_schema(responses={(200, "text/html"): OpenApiTypes.STR})
    @action(detail=True)
    def mrrt(self, request: Request, pk: str) -> HttpResponse:
        """The template as an MRRT file."""
        headers = {"Content-Disposition": f'attachment; filename="template-{pk}.html"'}
        return HttpResponse(export_mrrt(self.get_object()), content_type="text/html; charset=utf-8", headers=headers)

    @extend_schema(request=ImportForm, responses={201: ImportedSerializer, 400: ImportedSerializer})
    @action(detail=False, methods=["post"], url_path="import")
    def import_file(self, request: Request) -> Response:
        """Import an MRRT file; 400 says the line and the reason, 201 what was repaired."""
        form = ImportForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.LEAD_READING)
        done = import_mrrt(form.validated_data["name"], form.validated_data["content"].encode(), user=user,
                           actor=actor_of(request), at=now())  # fmt: skip
        body = {"name": done.name, "template": done.template.pk if done.template else None, "repairs": done.repairs,
                "refusal": done.refusal}  # fmt: skip
        return Response(body, status=status.HTTP_201_CREATED if done.template else status.HTTP_400_BAD_REQUEST)


def _save(request: Request, template: ReportTemplate | None) -> ReportTemplate:
    form = TemplateForm(data=request.data)
    form.is_valid(raise_exception=True)
    fields: dict[str, Any] = form.validated_data
    user = user_of(request)
    require(user, Can.READ_CASES if fields["personal"] or (template and template.owner_id) else Can.LEAD_READING)
    return save_template(
        template, title=fields["title"], sections=fields["sections"], language=fields["language"],
        conditions={name: fields.get(name) for name in CONDITIONS}, known=fields.get("fields_known"),
        personal=fields["personal"], user=user, actor=actor_of(request), at=now(),
    )  # fmt: skip


class MacroViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Macro]):
    """Everybody's macros and the caller's own."""

    permission_classes = [IsAuthenticated]
    serializer_class = MacroSerializer
    queryset = Macro.objects.none()

    def get_queryset(self) -> QuerySet[Macro]:
        return visible_macros(user_of(self.request))

    def get_object(self) -> Macro:
        return macros.macro_for(user_of(self.request), int(self.kwargs["pk"]))

    @extend_schema(request=MacroSerializer, responses={201: MacroSerializer})
    def create(self, request: Request) -> Response:
        """Save a macro; one of the same trigger and owner gets a new version."""
        form = MacroSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.LEAD_READING if form.validated_data["shared"] else Can.READ_CASES)
        macro = macros.save_macro(user, form.validated_data["trigger"], form.validated_data["body"],
                                  shared=form.validated_data["shared"], actor=actor_of(request), at=now())  # fmt: skip
        return Response(MacroSerializer(macro).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a macro."""
        macros.delete_macro(user_of(request), int(pk), actor=actor_of(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class WritingView(APIView):
    """What helps to write the report of a reading item."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, item_id: int) -> Response:
        """Templates that fit with why, macros, merge fields as they are now, and those in the draft that are stale."""
        user = user_of(request)
        require(user, Can.READ_CASES)
        return Response(writing_help(worklist.item_for(user, item_id), user))

    @extend_schema(request=InsertForm, responses=InsertedSerializer)
    def post(self, request: Request, item_id: int) -> Response:
        """Words to put into the draft, which is saved by its own call; 409 unless the caller holds the case."""
        form = InsertForm(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        require(user, Can.READ_CASES)
        return Response(asdict(insert_by_form(worklist.item_for(user, item_id).pk, dict(form.validated_data), request)))


def insert_by_form(item_id: int, fields: dict[str, Any], request: Any) -> insertion.Inserted:
    """Insert what the form asks for. Raises as the services of ``insertion``."""
    said: dict[str, Any] = {"reader": user_of(request), "actor": actor_of(request), "at": now()}
    if fields["kind"] == "macro":
        return insertion.insert_macro(item_id, fields["name"].removeprefix("."), section=fields["section"],
                                      arguments=fields.get("arguments") or {}, **said)  # fmt: skip
    if fields["kind"] == "merge":
        return insertion.insert_merge(item_id, fields["name"], section=fields["section"], **said)
    return insertion.insert_template(
        item_id, template_id=fields.get("template"), normal=fields["kind"] == "normal", **said
    )
