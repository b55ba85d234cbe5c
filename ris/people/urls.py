"""Addresses of signing in and out, and of one's own account."""

from django.urls import path

from . import pages

app_name = "people"

urlpatterns = [
    path("", pages.home, name="home"),
    path("login/", pages.login, name="login"),
    path("logout/", pages.logout, name="logout"),
    path("profile/", pages.profile, name="profile"),
    path("profile/theme/", pages.theme, name="theme"),
    path("alarms/", pages.alarms, name="alarms"),
    path("alarms/deliveries/<int:delivery_id>/retry/", pages.retry_delivery, name="retry-delivery"),
]
api_patterns: list[object] = []
