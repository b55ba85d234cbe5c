"""Django's configuration of the app."""

from django.apps import AppConfig


class Hl7Config(AppConfig):
    name = "interfaces.hl7"
    label = "hl7"
    verbose_name = "HL7"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import subscribers  # noqa: F401  (registers them)
