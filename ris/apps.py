from django.apps import AppConfig


class RisConfig(AppConfig):
    name = "ris"
    label = "ris"
    default_auto_field = "django.db.models.BigAutoField"
