"""Django's configuration of the app."""

from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "ris.sharing"
    label = "sharing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import subscribers  # noqa: F401  (importing it registers what this app wants to hear)
