"""The OpenAPI description: what drf-spectacular cannot read from the code, and the page that shows it."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.views import SpectacularSwaggerSplitView


# drf-spectacular finds these classes by being imported (ris.apps), not by a setting.
class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API tokens are bearer tokens (RFC 6750)."""

    target_class = "ris.people.api_auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class ArchiveToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An archive's own token, which is accepted for its callback only."""

    target_class = "interfaces.dicom.api.ArchiveAuthentication"
    name = "archive"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class ApiDocs(SpectacularSwaggerSplitView):
    """The API to browse and try, served whole from here and without inline scripts."""

    template_name = "api_docs.html"
