"""What many calls are asked with."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ReasonForm(serializers.Serializer[Any]):
    """Why it is done; kept in the audit."""

    reason = serializers.CharField(max_length=250)
