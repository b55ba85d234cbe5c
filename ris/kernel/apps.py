"""Django's configuration of the app."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "ris.kernel"
    label = "kernel"
    default_auto_field = "django.db.models.BigAutoField"
