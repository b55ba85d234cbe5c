"""What drf-spectacular has to be told, since it cannot read it from the code."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API tokens are bearer tokens (RFC 6750)."""

    target_class = "ris.people.api_auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class ArchiveToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An archive's own token, which opens one door only."""

    target_class = "interfaces.dicom.api.ArchiveAuthentication"
    name = "archive"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
