"""Short messages to people outside of the pages: by e-mail or by signed webhook. Queues owe them and try them again.

Whoever dies between sending one and noting it sends it again: a mail server tells the two apart by the ``Message-ID``,
a webhook by its ``Idempotency-Key``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from django.conf import settings
from django.core.mail import EmailMessage

from .webhooks import AddressRefused, host_of, post_signed

TRY_S = 10
"""Of a webhook; a mail server has EMAIL_TIMEOUT."""


@dataclass(frozen=True, slots=True)
class Letter:
    """``address``: of e-mail, or the URL of a webhook. ``key``: the same at each try, such as ``critical-7``.

    ``subject`` and ``text`` go by e-mail, ``facts`` as the JSON of a webhook. None of them holds the name or a number
    of a patient.
    """

    address: str
    key: str
    subject: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)


def try_to_send(letter: Letter, *, at: datetime) -> str:
    """Send it; return why that failed, empty when it went. The reason holds no address."""
    try:
        (_post if _is_webhook(letter.address) else _mail)(letter, at)
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:  # smtplib's refusals are OSErrors, too
        return str(error) if isinstance(error, AddressRefused) else type(error).__name__
    return ""


def name_address(address: str) -> str:
    """The address as logs and alarms may have it: a webhook's without its path, which may hold a token."""
    return host_of(address) if _is_webhook(address) else address


def _is_webhook(address: str) -> bool:
    return "://" in address


def _mail(letter: Letter, at: datetime) -> None:
    EmailMessage(
        subject=letter.subject,
        body=letter.text,
        to=[letter.address],
        headers={"Message-ID": f"<{letter.key}@{settings.RIS.ae_title.lower()}.wetread>"},
    ).send()


def _post(letter: Letter, at: datetime) -> None:
    post_signed(
        letter.address,
        json.dumps(letter.facts).encode(),
        message_id=letter.key,
        key=settings.SECRET_KEY,
        networks=settings.RIS.webhook_networks,
        at=at,
        timeout_s=TRY_S,
    )
