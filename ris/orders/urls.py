from rest_framework.routers import SimpleRouter

from .api import OrderViewSet, StepViewSet

app_name = "orders"

router = SimpleRouter()
router.register("orders", OrderViewSet, basename="order")
router.register("steps", StepViewSet, basename="step")

urlpatterns: list[object] = []
api_patterns = router.urls
