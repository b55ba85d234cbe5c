"""Django's configuration of the app."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class RisConfig(AppConfig):
    """The product itself: connects the doorbells to Celery once all apps are loaded."""

    name = "ris"
    label = "ris"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .bells import hang
        from .celery import WAKES, app
        from .web import openapi  # noqa: F401  (registers itself)

        hang(app, WAKES)


class BackOfficeConfig(AdminConfig):
    """Django's admin, behind our permissions."""

    default_site = "ris.people.backoffice.BackOffice"
