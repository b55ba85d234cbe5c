"""Django's configuration of the app."""

from django.apps import AppConfig


class DicomConfig(AppConfig):
    name = "interfaces.dicom"
    label = "dicom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from reporting.writing.supplies import register_supplies
        from worklist.services.holds import register_hold

        from . import subscribers  # noqa: F401  (registers itself)
        from .mpps.services import list_supplies
        from .workitems.orchestration import is_held

        register_supplies(list_supplies)
        register_hold(is_held)
