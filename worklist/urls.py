from django.urls import path
from rest_framework.routers import SimpleRouter

from . import pages
from .api.items import ReadingItemViewSet

app_name = "worklist"

router = SimpleRouter()
router.register("worklist", ReadingItemViewSet, basename="reading-item")

urlpatterns = [
    path("reading/", pages.reading_list, name="list"),
    path("reading/rows/", pages.rows, name="rows"),
    path("reading/next/", pages.next_case, name="next"),
    path("reading/<int:item_id>/peek/", pages.peek, name="peek"),
    path("reading/<int:item_id>/claim/", pages.claim, name="claim"),
    path("reading/<int:item_id>/take-over/", pages.take_over, name="take-over"),
    path("reading/<int:item_id>/release/", pages.release, name="release"),
    path("reading/<int:item_id>/skip/", pages.skip, name="skip"),
    path("reading/<int:item_id>/park/", pages.park, name="park"),
    path("reading/<int:item_id>/resume/", pages.resume, name="resume"),
]
api_patterns = router.urls
