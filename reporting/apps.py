"""Django's configuration of the app."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "reporting"
    label = "reporting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Importing them registers what this app wants to hear.
        from . import subscribers  # noqa: F401
        from .release import subscribers as release_subscribers  # noqa: F401
        from .search import subscribers as search_subscribers  # noqa: F401
        from .values import subscribers as value_subscribers  # noqa: F401
