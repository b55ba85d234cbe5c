"""Django's configuration of the app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WorklistConfig(AppConfig):
    name = "worklist"
    label = "worklist"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Importing them registers what this app wants to hear, and who answers its bell.
        from . import subscribers  # noqa: F401
        from .change_stamps import stamp_tables
        from .live import hub  # noqa: F401

        post_migrate.connect(stamp_tables, sender=self)
