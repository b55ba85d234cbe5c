"""Addresses of the catalog's REST API."""

from ris.kernel.api import IdRouter

from .api import DeviceViewSet, ProcedureViewSet, SiteViewSet

app_name = "catalog"

router = IdRouter()
router.register("sites", SiteViewSet)
router.register("devices", DeviceViewSet)
router.register("procedures", ProcedureViewSet)

urlpatterns: list[object] = []
api_patterns = router.urls
