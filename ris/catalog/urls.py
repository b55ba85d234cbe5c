from rest_framework.routers import SimpleRouter

from .api import DeviceViewSet, ProcedureViewSet, SiteViewSet

app_name = "catalog"

router = SimpleRouter()
router.register("sites", SiteViewSet)
router.register("devices", DeviceViewSet)
router.register("procedures", ProcedureViewSet)

urlpatterns: list[object] = []
api_patterns = router.urls
