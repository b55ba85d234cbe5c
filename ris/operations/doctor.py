"""The doctor: tries every part that this system depends on, and names each that fails with its cure.

It sends no message, moves no image and changes no row: it connects, greets and leaves. Run it after an installation,
after a change of the network, and when somebody says that something does not arrive.
"""

from __future__ import annotations

import smtplib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.db import DatabaseError, connection, transaction

from interfaces.dicom.models import Archive, DeviceProfile, MppsTarget
from interfaces.dicom.scu.association import RemoteAddress
from interfaces.dicom.scu.c_echo import ask_echo
from interfaces.hl7.models import Destination, InboundMessage, Peer
from interfaces.hl7.outbound.connection import DestinationConnection
from ris.celery import app
from ris.config_values import Misconfigured
from ris.kernel import health
from ris.kernel.models import Alarm, Heartbeat
from ris.kernel.queue import is_quarantined
from ris.kernel.values.webhooks import AddressRefused, choose_ip
from ris.serving.start_checks import check_schema
from worklist.models import EscalationRoute

from . import backups
from .grants import may_tamper

EXPIRES_SOON_DAYS = 30
OLD_BACKUP = timedelta(days=1)
SILENT_SENDER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was tried, and what is wrong with it; an empty ``fault`` is a pass. ``cure`` says what a person can do."""

    part: str
    fault: str = ""
    cure: str = ""


Check = Callable[[datetime], Iterator[Finding]]


def examine(at: datetime) -> Iterator[Finding]:
    """Try everything, one part after the other; a check that breaks is a finding, and the others go on."""
    for check in CHECKS:
        try:
            yield from check(at)
        except Exception as error:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            yield Finding(name, f"the check itself failed ({type(error).__name__})", "look at the parts above first")


def check_database(at: datetime) -> Iterator[Finding]:
    """It answers, has this version's tables, and lets us write (a row that is rolled back)."""
    part = f"database ({connection.vendor})"
    try:
        with transaction.atomic():
            Heartbeat.objects.update_or_create(name="doctor", defaults={"at": at})
            transaction.set_rollback(True)
        check_schema()
    except DatabaseError as error:
        yield Finding(
            part, f"it cannot be written to ({type(error).__name__})", "see DATABASE_URL, its server, its disk"
        )
    except Misconfigured as error:
        fault, _, cure = str(error).partition("\n  Cure: ")
        yield Finding(part, fault, cure)
    else:
        yield Finding(part)


def check_database_role(at: datetime) -> Iterator[Finding]:
    """On PostgreSQL: this role cannot tamper with the audit trail."""
    if connection.vendor == "postgresql":
        fault = "it could empty the audit trail" if may_tamper() else ""
        yield Finding("database role", fault, "serve as another role than the owner, see RIS_DATABASE_ROLE")


def check_disk(at: datetime) -> Iterator[Finding]:
    """There is room for a day."""
    free = health.free_bytes(settings.RIS.data)
    low = health.describe_space(settings.RIS.data) != "ok"
    yield Finding(f"disk of {settings.RIS.data}", f"{free // 1_000_000} MB are left" if low else "", "make room")


def check_broker(at: datetime) -> Iterator[Finding]:
    """Redis answers, and somebody sweeps."""
    if not settings.RIS.embedded:
        fault = ""
        try:
            with app.connection_for_write() as broker:
                broker.ensure_connection(max_retries=1, timeout=3)
        except Exception as error:  # whatever the transport raises
            fault = f"it does not answer ({type(error).__name__})"
        yield Finding("Redis", fault, "look at REDIS_URL and its server; until then work goes on, slower")
    quiet = health.silence(health.SWEEPS, at=at)
    silent = quiet is None or quiet > health.SILENT_AFTER
    yield Finding("sweeps", "nobody sweeps" if silent else "", "start the roles beat and worker (or serve all)")


def check_certificates(at: datetime) -> Iterator[Finding]:
    """Our TLS certificates are valid for a month to come."""
    for variable, files in (("RIS_MLLP_CERT", settings.RIS.mllp_tls), ("RIS_DICOM_CERT", settings.RIS.dicom_tls)):
        if files:
            seconds = str(EXPIRES_SOON_DAYS * 86400)
            command = ["openssl", "x509", "-checkend", seconds, "-noout", "-in", files.cert]
            soon = subprocess.run(command, capture_output=True, check=False).returncode != 0  # noqa: S603
            fault = f"it expires within {EXPIRES_SOON_DAYS} days" if soon else ""
            yield Finding(f"{variable} {files.cert}", fault, "have it renewed, put it there, start again")


def check_backups(at: datetime) -> Iterator[Finding]:
    """The newest is of today, and this machine holds no key that reads it."""
    part = f"backups in {backups.folder()}"
    newest = next(iter(backups.list_backups()), None)
    if newest is None:
        yield Finding(part, "there is none", "./bin/ris backup key --to FILE, then ./bin/ris backup now by a timer")
        return
    age = at.timestamp() - newest.stat().st_mtime
    old = age > OLD_BACKUP.total_seconds()
    fault = f"the newest is {timedelta(seconds=round(age))} old" if old else ""
    yield Finding(part, fault, "see why the timer of ./bin/ris backup now does not run")
    keys = [file.name for file in Path(settings.RIS.data).glob("*.pem") if b"PRIVATE KEY" in file.read_bytes()]
    cure = "take it to another machine: who takes this one must not read old backups"
    yield Finding("key of the backups", f"{keys[0]} lies in the data folder" if keys else "", cure)


def check_quarantine(at: datetime) -> Iterator[Finding]:
    """Nobody forgot to release a restored system."""
    fault = "this system was restored from a backup and sends nothing" if is_quarantined() else ""
    yield Finding("quarantine", fault, "./bin/ris backup release --reason …")


def check_alarms(at: datetime) -> Iterator[Finding]:
    """Each open alarm by its name; what it says is on the page."""
    for alarm in Alarm.objects.filter(cleared_at=None).exclude(kind="quarantine").order_by("pk"):
        yield Finding(f"alarm {alarm.kind}", f"open since {alarm.raised_at:%Y-%m-%d %H:%M} UTC", "see the page Alarms")


def check_senders(at: datetime) -> Iterator[Finding]:
    """Who sends HL7: heard of within a day."""
    for peer in Peer.objects.order_by("pk"):
        last = InboundMessage.objects.filter(peer=peer).order_by("-received_at").values_list("received_at", flat=True)
        heard = last.first()
        silent = heard is None or at - heard > SILENT_SENDER
        fault = f"nothing came since {heard:%Y-%m-%d %H:%M} UTC" if heard and silent else "nothing ever came"
        yield Finding(f"sender {peer.name}", fault if silent else "", "ask its people; look at its addresses and port")


def check_destinations(at: datetime) -> Iterator[Finding]:
    """Where HL7 goes: a connection, with TLS where set; no message."""
    for destination in Destination.objects.filter(enabled=True).order_by("pk"):
        part = f"destination {destination.name}"
        if not destination.host:
            yield Finding(part, "it has no address: messages wait", "set its host and port, or RIS_EMR")
            continue
        line, fault = DestinationConnection(destination), ""
        try:
            line.open()
        except (OSError, ValueError) as error:
            fault = f"{destination.host}:{destination.port}: {getattr(error, 'strerror', None) or type(error).__name__}"
        finally:
            line.close()
        yield Finding(part, fault, "look at host, port, TLS files, and the firewall between")


def check_dicom_systems(at: datetime) -> Iterator[Finding]:
    """Devices with an address, archives, MPPS targets: a C-ECHO."""
    places = [
        (f"device {p.device.ae_title}", RemoteAddress(p.device.ae_title, p.host, p.port, tls=p.require_tls))
        for p in DeviceProfile.objects.exclude(host="").select_related("device").order_by("pk")
    ]
    for kind, rows in (("archive", Archive.objects), ("MPPS target", MppsTarget.objects)):
        for remote in rows.filter(enabled=True).order_by("pk"):
            address = RemoteAddress(remote.ae_title, remote.host, remote.port, remote.tls, remote.calling_ae)
            places.append((f"{kind} {remote.name}", address))
    for part, place in places:
        echo = ask_echo(place)
        cure = "look at AE titles on both sides, host, port, and the firewall between"
        yield Finding(part, "" if echo.answered else echo.words, cure)


def check_mail(at: datetime) -> Iterator[Finding]:
    """The mail server greets us. Only where somebody is to be mailed."""
    if not EscalationRoute.objects.filter(active=True, way=EscalationRoute.EMAIL).exists():
        return
    fault = ""
    try:
        server = get_connection()
        server.open()
        server.close()
    except (OSError, smtplib.SMTPException) as error:
        fault = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} refuses us ({type(error).__name__})"
    yield Finding("mail server", fault, "look at RIS_MAIL")


def check_webhooks(at: datetime) -> Iterator[Finding]:
    """The policy lets us call each, and its name is known."""
    hooks = EscalationRoute.objects.filter(active=True, way=EscalationRoute.WEBHOOK)
    for address in sorted(set(hooks.values_list("address", flat=True))):
        host, fault = urlsplit(address).hostname or "", ""
        try:
            choose_ip(host, 443, settings.RIS.webhook_networks)
        except AddressRefused as error:
            fault = str(error)
        except OSError:
            fault = "its name is unknown here"
        yield Finding(f"webhook at {host}", fault, "look at the address, the name server, RIS_WEBHOOK_NETWORKS")


CHECKS: tuple[Check, ...] = (
    check_database, check_database_role, check_disk, check_broker, check_certificates, check_backups, check_quarantine,
    check_alarms, check_senders, check_destinations, check_dicom_systems, check_mail, check_webhooks,
)  # fmt: skip
