"""Addresses of signing in and out, and of one's own account."""

from django.urls import path

from . import pages
from .login import pages as login

app_name = "people"

urlpatterns = [
    path("", pages.home, name="home"),
    path("login/", login.login, name="login"),
    path("logout/", login.logout, name="logout"),
    path("profile/", pages.profile, name="profile"),
    path("profile/sessions/", login.sessions, name="sessions"),
    path("profile/sessions/end/", login.end_other_sessions, name="end-other-sessions"),
    path("profile/sessions/<int:session_id>/end/", login.end_one_session, name="end-session"),
    path("profile/theme/", pages.theme, name="theme"),
    path("alarms/", pages.alarms, name="alarms"),
    path("alarms/deliveries/<int:delivery_id>/retry/", pages.retry_delivery, name="retry-delivery"),
]
api_patterns: list[object] = []
