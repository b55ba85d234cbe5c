"""Django's configuration of the app."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "ris.patients"
    label = "patients"
    default_auto_field = "django.db.models.BigAutoField"
