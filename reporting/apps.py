"""Django's configuration of the app."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "reporting"
    label = "reporting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Importing them registers what this app wants to hear.
        from worklist.selectors.additions import register_bell, register_tiles

        from . import subscribers  # noqa: F401
        from .critical.selectors import critical_bell, critical_tiles
        from .followup import subscribers as follow_up_subscribers  # noqa: F401
        from .followup.selectors import follow_up_bell, follow_up_tiles
        from .release import subscribers as release_subscribers  # noqa: F401
        from .search import subscribers as search_subscribers  # noqa: F401
        from .values import subscribers as value_subscribers  # noqa: F401

        register_bell(critical_bell)
        register_tiles(critical_tiles)
        register_bell(follow_up_bell)
        register_tiles(follow_up_tiles)
