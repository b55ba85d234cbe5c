"""Django's configuration of the app."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "ris.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .login import receivers  # noqa: F401  (connects itself to signals)
