"""Django's configuration of the app ``orders``."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OrdersConfig(AppConfig):
    """Registers the subscribers when Django has loaded the models."""

    name = "ris.orders"
    label = "orders"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import subscribers  # noqa: F401
        from .services.reservation import hold_exclusion

        post_migrate.connect(hold_exclusion, sender=self)
