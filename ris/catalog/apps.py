"""Django's configuration of the app."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "ris.catalog"
    label = "catalog"
    default_auto_field = "django.db.models.BigAutoField"
