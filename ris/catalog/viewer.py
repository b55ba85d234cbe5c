"""Address of the image viewer of a site: a URL template with placeholders, and what fills it."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from django.core.exceptions import ValidationError

PLACEHOLDERS = ("study_uid", "accession", "patient_id", "prior_study_uid")
"""``{study_uid}``: Study Instance UID (0020,000D); ``{accession}``: (0008,0050); ``{patient_id}``: (0010,0020) at the
site; ``{prior_study_uid}``: of the prior that is compared with."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SCRIPTS = frozenset({"javascript", "data", "vbscript", "blob", "file", "about"})
"""Schemes that run in the page or read from the disk: no viewer has them."""


def check_viewer_template(template: str) -> None:
    """Raise ValidationError unless it is an absolute URL (``https:``, ``weasis:``, a vendor's own scheme) with
    placeholders that are known."""
    unknown = sorted(set(_PLACEHOLDER.findall(template)) - set(PLACEHOLDERS))
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValidationError(f"“{{{unknown[0]}}}” is not known here. Placeholders are: {known}.")
    scheme = urlsplit(template).scheme
    if not scheme or scheme in _SCRIPTS:
        raise ValidationError("Begin with the scheme of the viewer, such as https:// or weasis://.")
    if "{study_uid}" not in template and "{accession}" not in template:
        raise ValidationError("The viewer must be told which study: write {study_uid} or {accession}.")


def fill_viewer_template(template: str, **values: str) -> str:
    """The URL with each value percent-encoded (RFC 3986) in the place of its placeholder; unknown values are empty."""
    return _PLACEHOLDER.sub(lambda match: quote(values.get(match[1], ""), safe=""), template)
