"""The language of pages: English in the sources, other languages in ``locale/``.

Templates and services speak English. Nothing is marked: the template loader finds the words of a template
(``segments``), and what a service says is translated where a page shows it (``catalogue``). REST, HL7, DICOM, FHIR and
logs stay English. A language is one file, ``locale/<code>/LC_MESSAGES/django.po`` (``po``);
``python -m ris.operations.words`` brings it up to date (``extraction``).
"""
