"""Django's settings, made from the environment. What can be set and how: ``ris.config`` and docs/running.md."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from csp import constants as csp

from .config import BASE_DIR, identity_providers, read_config, secret_key, secret_keys
from .config_values import database, languages, mail_server, redis_url
from .logs import logging_config
from .people.providers.configuration import as_allauth
from .settings_people import *  # noqa: F403  (Django reads them from here)

RIS = read_config(os.environ)
SECRET_KEY = secret_key(os.environ, RIS.data)
SECRET_KEYS = secret_keys(os.environ, SECRET_KEY)
IDENTITY_PROVIDERS = identity_providers(os.environ)
SOCIALACCOUNT_PROVIDERS = as_allauth(IDENTITY_PROVIDERS.values())
DEBUG = False

# --- apps ------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "ris.apps.RisConfig",
    "ris.kernel",
    "ris.audit",
    "ris.catalog",
    "ris.people",
    "ris.access",
    "ris.patients",
    "ris.orders",
    "ris.scheduling",
    "worklist",
    "reporting",
    "ris.sharing",
    "interfaces.hl7",
    "interfaces.dicom",
    "interfaces.fhir",
    "ris.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "channels",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "allauth.usersessions",
    "allauth.idp.oidc",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "ris.web.middleware.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ris.web.middleware.PermissionsReadOnce",
    "allauth.account.middleware.AccountMiddleware",
    "ris.web.sessions.SessionLimits",
    "ris.web.middleware.Language",
    "ris.web.sessions.ActingFor",
    "ris.web.middleware.RequestLog",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "ris.web.middleware.RefusalPages",
    "ris.web.middleware.PossibleValues",
]
ROOT_URLCONF = "ris.urls"
ASGI_APPLICATION = "ris.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOADERS = ["ris.kernel.language.segments.Loader", "django.template.loaders.app_directories.Loader"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [("django.template.loaders.cached.Loader", LOADERS)],
            "builtins": ["ris.kernel.templatetags.language"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- database --------------------------------------------------------------------------------------------------------

DATABASES = {"default": database(os.environ, RIS.data)}
_db = DATABASES["default"]
_db["CONN_HEALTH_CHECKS"] = True
if _db["ENGINE"].endswith("sqlite3"):
    _db["OPTIONS"] = {
        # SQLite has one writer: a transaction that reads first and writes later fails at once with “locked”
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,  # seconds that the others wait for their turn
        # FULL: in WAL mode, NORMAL does not sync each commit, and what was acknowledged must be on the disk
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
    _db["TEST"] = {"NAME": str(RIS.data / "test.sqlite3")}  # a file, as when serving: threads race on it
else:
    _db["OPTIONS"] = {
        **_db.get("OPTIONS", {}),
        # ris.kernel.db.prepared prepares the busiest statements; Django's own bind on the client and stay unprepared
        "prepare_threshold": 5,
        # Compiling a statement, and calling parallel workers, takes longer than any statement of ours.
        "options": " ".join(
            [_db.get("OPTIONS", {}).get("options", ""), "-c jit=off", "-c max_parallel_workers_per_gather=0"]
        ).strip(),
        # Nothing is kept open by force and nothing retries for long, so an outage ends when the database is back.
        # timeout: a sender of HL7 may wait for one failed connect of those before it and one of its own, and must
        # hear AR within 10 s.
        "pool": {"min_size": 0, "max_size": 20, "timeout": 4, "reconnect_timeout": 3},
    }

# --- doorbells -------------------------------------------------------------------------------------------------------

REDIS_URL = redis_url(os.environ)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False  # a request does not wait for a broker that is away; the sweeps find what is owed
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a task kept back behind a slow one of the same thread would be late
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
if RIS.embedded:
    CELERY_BROKER_URL = "memory://localhost/"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.01}
    CHANNEL_LAYERS: dict[str, Any] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
else:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 5}
    CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    }

# --- mail ------------------------------------------------------------------------------------------------------------

globals().update(mail_server(os.environ))
EMAIL_TIMEOUT = 10  # seconds; Django has none by itself, and a silent server would hold a worker's thread
DEFAULT_FROM_EMAIL = os.environ.get("RIS_MAIL_FROM") or "wetread@localhost"

# --- who may talk to the pages ---------------------------------------------------------------------------------------

ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *RIS.hosts]
if RIS.http.host not in {"0.0.0.0", "::"}:  # noqa: S104  (a comparison: those two are no host's name)
    ALLOWED_HOSTS.append(f"[{RIS.http.host}]" if ":" in RIS.http.host else RIS.http.host)
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {  # django-csp; Django 6.0 brings the same as SECURE_CSP
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF, csp.NONCE],  # by file, or by the nonce of one answer; never inline
        "style-src": [csp.SELF, csp.NONCE],
        "img-src": [csp.SELF, "data:"],
        "font-src": [csp.SELF],
        "manifest-src": [csp.SELF],
        "connect-src": [csp.SELF],  # and the websocket: ris.web.middleware
        "base-uri": [csp.NONE],
        # Browsers hold a form to this through its redirects, and log-in by a provider is one.
        "form-action": [csp.SELF, *sorted({provider.origin for provider in IDENTITY_PROVIDERS.values()})],
        "frame-ancestors": [csp.NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if RIS.proxy:  # TLS ends there; uvicorn believes its X-Forwarded-Proto, and nobody else's
    CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in RIS.hosts]
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

# --- API -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ris.people.api_auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ris.web.api_parsers.PlainJson"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "ris.web.api_pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ris.web.api_errors.problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wetread",
    "DESCRIPTION": "Orders in, worklists and reports out. Send `Authorization: Bearer …` (from `bin/ris token USER`).",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": None,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "InboundState": "interfaces.hl7.models.inbound.InboundMessage.STATES",
        "InboundListed": "interfaces.hl7.web.serializers.STATES",
        "Retraction": "reporting.models.reports.RETRACTIONS",
        "CriticalLevel": "reporting.models.reports.CRITICAL_LEVELS",
        "FollowUpKind": "reporting.followup.models.FollowUp.KINDS",
        "FollowUpClosed": "reporting.followup.models.FollowUp.REASONS",
        "PeerFeedbackKind": "reporting.quality.models.PeerFeedback.KINDS",
        "ClosureKind": "ris.scheduling.models.openings.Closure.KINDS",
        "PortalGrantKind": "ris.sharing.portal.models.GRANTS",
        "CoverKind": "ris.sharing.portal.models.CoverText.KINDS",
        "PeerScore": "reporting.quality.models.SCORES",
    },
    "DISABLE_ERRORS_AND_WARNINGS": True,  # a test reads them, not the log of a running system
}

# --- static files, language, logs ------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
globals().update(languages(RIS.language, BASE_DIR / "locale", RIS.data / "locale"))
TIME_ZONE = "UTC"
USE_TZ = True
LOGGING = logging_config()
LOGGING_CONFIG = "ris.logs.configure"
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10  # DEBUG, below the root's INFO: one line a request, at its end
