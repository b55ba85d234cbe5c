"""The address of a share, and the mail that carries it: no word of the patient in either."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse

from ris.kernel.templatetags.times import day

from ..models import Share

log = structlog.get_logger(__name__)


def link_of(token: str) -> str:
    """The address that the recipient opens."""
    return str(settings.RIS.url) + reverse("sharing:shared", args=[token])


def send_link(share: Share, token: str) -> bool:
    """Mail the link to the share's contact; whether the mail server took it. The second factor is not in it."""
    try:
        send_mail(_SUBJECT, _text(token, share.expires_at), settings.DEFAULT_FROM_EMAIL, [share.contact])
    except OSError as error:  # smtplib's errors are OSErrors
        log.warning("share.mail-failed", share=share.pk, error=type(error).__name__)
        return False
    return True


_SUBJECT = "A report was shared with you / Ein Befund wurde mit Ihnen geteilt"


def _text(token: str, expires_at: datetime) -> str:
    return (
        f"The radiology department shared a report with you. Open it here until {day(expires_at)}:\n"
        f"Die Radiologie hat einen Befund mit Ihnen geteilt. Öffnen Sie ihn hier bis {day(expires_at)}:\n\n"
        f"{link_of(token)}\n\n"
        "You are asked for something that only you and the sender know. Do not forward this mail.\n"
        "Sie werden nach etwas gefragt, das nur Sie und der Absender wissen. Bitte leiten Sie die Mail nicht weiter.\n"
    )
