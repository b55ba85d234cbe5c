from django.apps import AppConfig


class RisConfig(AppConfig):
    """The front door: hangs the doorbells once every room is there."""

    name = "ris"
    label = "ris"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .bells import hang
        from .celery import WAKES, app
        from .web import schema  # noqa: F401  (registers itself)

        hang(app, WAKES)
