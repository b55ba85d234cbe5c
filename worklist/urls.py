from django.urls import path

from . import pages
from .api.urls import api_patterns as api_patterns

app_name = "worklist"

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
