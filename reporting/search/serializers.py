"""Found reports and kept searches as JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from .models import SavedSearch
from .selectors import Found, Hit


class SearchQuery(serializers.Serializer[Any]):
    """Query parameters of a search."""

    q = serializers.CharField(help_text='Words; "a phrase"; OR; -word; begin*')
    section = serializers.CharField(required=False, help_text="impression, findings, technique, comparison, addendum")
    modality = serializers.CharField(required=False)
    author = serializers.CharField(required=False, help_text="Id of who signed.")
    site = serializers.CharField(required=False, help_text="Id of the site.")
    since = serializers.CharField(required=False, help_text="First day of release, such as 2026-03-10.")
    until = serializers.CharField(required=False, help_text="Last day of release.")
    sort = serializers.CharField(required=False, help_text="rank (default) or newest")
    page = serializers.CharField(required=False)


class ExcerptSerializer(serializers.Serializer[Any]):
    """A section's part around the found words: ``pieces`` of [text, whether it is a found word]."""

    section = serializers.CharField()
    pieces = serializers.ListField()


class HitSerializer(serializers.Serializer[Hit]):
    """A found report."""

    report = serializers.IntegerField(source="row.report_id")
    accession = serializers.CharField(source="row.report.item.accession")
    procedure = serializers.CharField(source="row.report.item.procedure")
    modality = serializers.CharField(source="row.modality")
    site = serializers.CharField(source="row.site.code")
    author = serializers.CharField(source="row.author.display_name")
    released_at = serializers.DateTimeField(source="row.released_at")
    state = serializers.CharField(source="row.report.state")
    excerpts = serializers.SerializerMethodField()

    def get_excerpts(self, hit: Hit) -> list[dict[str, Any]]:
        """Where the words stand."""
        return [
            {"section": section, "pieces": [[piece.text, piece.found] for piece in pieces]}
            for section, pieces in hit.excerpts
        ]


class FoundSerializer(serializers.Serializer[Found]):
    """A page of found reports. ``total`` counts at most the newest 500; ``more``: there are older ones."""

    total = serializers.IntegerField()
    more = serializers.BooleanField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    hits = HitSerializer(many=True)


class SavedSearchSerializer(serializers.ModelSerializer[SavedSearch]):
    """A kept search; ``question`` has the query parameters of a search."""

    question = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = SavedSearch
        fields: ClassVar = ["id", "name", "question", "made_at"]
        read_only_fields: ClassVar = ["made_at"]
