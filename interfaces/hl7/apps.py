"""Django's configuration of the app."""

from django.apps import AppConfig


class Hl7Config(AppConfig):
    name = "interfaces.hl7"
    label = "hl7"
    verbose_name = "HL7"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ris.orders.result_delivery import register_source

        from . import subscribers  # noqa: F401  (registers them)
        from .outbound.delivery import SOURCE

        register_source(SOURCE)
