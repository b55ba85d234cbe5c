"""Django's configuration of the app ``scheduling``."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SchedulingConfig(AppConfig):
    """Has bookings weighed by the calendar, and its tables stamped."""

    name = "ris.scheduling"
    label = "scheduling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import doubts, subscribers  # noqa: F401
        from .change_stamps import stamp_tables

        post_migrate.connect(stamp_tables, sender=self)
