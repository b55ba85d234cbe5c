"""Addresses under the names that django-allauth looks them up by. None of sign-up, e-mail or forgotten passwords."""

from allauth.account import views
from allauth.socialaccount.providers.openid_connect import views as oidc
from allauth.socialaccount.providers.saml import views as saml
from django.urls import include, path

from ris.people.providers import pages as providers

from . import pages

urlpatterns = [
    path("login/", pages.login, name="account_login"),
    path("logout/", pages.logout, name="account_logout"),
    path("account/password/", pages.password, name="account_change_password"),
    path("account/reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("account/second-factor/", include("allauth.mfa.urls")),
]
urlpatterns += [
    path("login/cancelled/", pages.login, name="socialaccount_login_cancelled"),
    path("login/oidc/<slug:provider_id>/", oidc.login, name="openid_connect_login"),
    path("login/oidc/<slug:provider_id>/callback/", oidc.callback, name="openid_connect_callback"),
    path("login/saml/<slug:organization_slug>/", saml.login, name="saml_login"),
    path("login/saml/<slug:organization_slug>/acs/", saml.acs, name="saml_acs"),
    path("login/saml/<slug:organization_slug>/acs/finish/", providers.finish_saml, name="saml_finish_acs"),
    path("login/saml/<slug:organization_slug>/metadata/", saml.metadata, name="saml_metadata"),
    # Single log-out is not offered: an unsigned request of it could end anybody's session.
    path("login/saml/<slug:organization_slug>/logout/", providers.no_single_log_out, name="saml_sls"),
]
