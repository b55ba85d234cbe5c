"""The product's settings, with what makes tests fast and leaves nothing behind."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if not os.environ.get("RIS_DATA"):
    os.environ["RIS_DATA"] = tempfile.mkdtemp(prefix="wetread-tests-")
    atexit.register(shutil.rmtree, os.environ["RIS_DATA"], ignore_errors=True)

os.environ["RIS_DEMO_LIVE"] = "0"  # as in tests/serving.py

from ris.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
