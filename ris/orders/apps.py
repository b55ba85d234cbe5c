"""Django's configuration of the app."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "ris.orders"
    label = "orders"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import subscribers  # noqa: F401
