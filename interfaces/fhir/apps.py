"""Django's configuration of the app."""

from django.apps import AppConfig


class FhirConfig(AppConfig):
    name = "interfaces.fhir"
    label = "fhir"
    verbose_name = "FHIR"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import subscribers  # noqa: F401  (registers itself)
