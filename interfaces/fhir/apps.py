"""Django's configuration of the app."""

from django.apps import AppConfig


class FhirConfig(AppConfig):
    name = "interfaces.fhir"
    label = "fhir"
    verbose_name = "FHIR"
