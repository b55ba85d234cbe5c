"""The page that documents the REST API."""

from __future__ import annotations

from drf_spectacular.views import SpectacularSwaggerSplitView


class ApiDocs(SpectacularSwaggerSplitView):
    """The API to browse and try, served whole from here and without inline scripts."""

    template_name = "api_docs.html"
