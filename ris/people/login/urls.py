"""Addresses under the names that django-allauth looks them up by. None of sign-up, e-mail or forgotten passwords."""

from allauth.account import views
from django.urls import include, path

from . import pages

urlpatterns = [
    path("login/", pages.login, name="account_login"),
    path("logout/", pages.logout, name="account_logout"),
    path("account/password/", pages.password, name="account_change_password"),
    path("account/reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("account/second-factor/", include("allauth.mfa.urls")),
]
