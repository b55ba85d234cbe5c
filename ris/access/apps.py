"""Django's configuration of the app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "ris.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"
