"""Django's configuration of the app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "ris.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
