"""Keeps pydicom and pynetdicom from logging patient data."""

from __future__ import annotations

import logging

from pydicom import config as pydicom_config
from pynetdicom import _config as pynetdicom_config


def keep_identifiers_out_of_logs() -> None:
    """Silence both libraries in this process: pynetdicom logs identifiers, pydicom logs values that look wrong."""
    pynetdicom_config.LOG_HANDLER_LEVEL = "none"
    pynetdicom_config.LOG_REQUEST_IDENTIFIERS = False
    pynetdicom_config.LOG_RESPONSE_IDENTIFIERS = False
    pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
    pydicom_config.settings.writing_validation_mode = pydicom_config.IGNORE
    for name in ("pydicom", "pynetdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
