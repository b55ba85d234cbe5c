"""Django's configuration of the app ``orders``."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Registers the subscribers when Django has loaded the models."""

    name = "ris.orders"
    label = "orders"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import subscribers  # noqa: F401
