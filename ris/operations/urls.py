"""The address of what is entered after a downtime."""

from django.urls import path

from . import pages

app_name = "operations"

urlpatterns = [path("downtime/", pages.back_entry, name="back-entry")]
api_patterns: list[object] = []
