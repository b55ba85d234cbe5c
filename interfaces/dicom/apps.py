"""Django's configuration of the app."""

from django.apps import AppConfig


class DicomConfig(AppConfig):
    name = "interfaces.dicom"
    label = "dicom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from reporting.writing.supplies import register_supplies

        from . import subscribers  # noqa: F401  (registers itself)
        from .mpps.services import list_supplies

        register_supplies(list_supplies)
