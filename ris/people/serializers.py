"""Request bodies that calls of several apps share."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ReasonForm(serializers.Serializer[Any]):
    """The reason for an action; kept in the audit."""

    reason = serializers.CharField(max_length=250)
