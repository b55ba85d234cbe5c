"""Django's settings of users, log-in and sessions; part of :mod:`ris.settings`."""

from __future__ import annotations

from datetime import timedelta

# --- users ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# --- sessions -----------------------------------------------------------------------------------------------------

LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
IDLE_LOCK = timedelta(minutes=15)  # automatic log-off (45 CFR 164.312(a)(2)(iii)) names no time; 15 min is usual
LONGEST_SESSION = timedelta(hours=12)  # one shift
SESSION_COOKIE_AGE = int(LONGEST_SESSION.total_seconds())

# --- log-in ---------------------------------------------------------------------------------------------------------

ACCOUNT_ADAPTER = "ris.people.login.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # nobody signs up; log-in reads from here that there are passwords
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # seconds
# Failures are counted in the database (ris.people.login.throttle): a cache of each process would let more by.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}
ALLAUTH_TRUSTED_PROXY_COUNT = 0  # of RIS_PROXY: the web server has put the browser's own address in place already

# --- identity providers: which ones, ris.config ------------------------------------------------------------------

SOCIALACCOUNT_ADAPTER = "ris.people.providers.adapter.ProviderAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # where it is allowed at all: ProviderAdapter
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10  # seconds

# --- apps (SMART on FHIR): interfaces.fhir.smart -----------------------------------------------------------------

IDP_OIDC_ADAPTER = "interfaces.fhir.smart.keys.ProviderAdapter"
IDP_OIDC_ROTATE_REFRESH_TOKEN = True
IDP_OIDC_INTROSPECTION_CROSS_CLIENT_ALLOWED = True  # to whom: ProviderAdapter.is_introspection_allowed
IDP_OIDC_RATE_LIMITS = {"introspect_client": "6000/m/key"}  # an image server asks for each request that it answers

# --- second factors --------------------------------------------------------------------------------------------------

MFA_ADAPTER = "ris.people.login.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "ris.people.login.forms.CodeForm",
    "reauthenticate": "ris.people.login.forms.CodeAgainForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Wetread"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: phones' clocks differ

# --- cookies ----------------------------------------------------------------------------------------------------------

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
