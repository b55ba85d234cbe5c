"""``./bin/ris hl7 VERB …``: for interface analysts and their scripts; ``./bin/ris hl7 --help`` lists the verbs."""

from __future__ import annotations

import getpass
import socket
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from interfaces.hl7.models import Destination, Peer
from interfaces.hl7.operations import bulk_replay, services
from interfaces.hl7.operations.conformance_statement import write_statement
from interfaces.hl7.operations.message_filter import STATES, MessageFilter
from interfaces.hl7.operations.preview import Preview, preview_message
from interfaces.hl7.operations.retention import delete_messages
from interfaces.hl7.outbound import backfill
from interfaces.hl7.v2.mllp import Deframer, frame_message
from interfaces.hl7.v2.validation import structure_as_profile
from interfaces.hl7.web.message_view import decode_for_display
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.errors import Refusal
from ris.kernel.values import id_or_none, read_number

MOST_DAYS = 36500


class Command(BaseCommand):
    help = "HL7 messages: send a file to a listener, replay a stored message, or say what a file would do."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        send = verbs.add_parser("send", help="send a message over MLLP and show the answer")
        send.add_argument("file", type=Path)
        send.add_argument("--to", metavar="HOST:PORT", help="where to; left out: this system's own listener")
        replay = verbs.add_parser("replay", help="take stored messages again: some by id, or all that are like that")
        replay.add_argument("id", type=_id, nargs="*")
        replay.add_argument("--state", choices=STATES, help="attention: what a person has to look at")
        replay.add_argument("--type", help="such as ORM^O01, or ADT")
        replay.add_argument("--peer", help="its name")
        replay.add_argument("--accession")
        replay.add_argument("--since", help="came at or after this moment, such as 2026-03-10T14:30")
        replay.add_argument("--until", help="came before this moment")
        replay.add_argument("--file", type=Path, help="an edited text to take instead (one id only)")
        replay.add_argument("--reason", default="replayed from the command line")
        replay.add_argument("--preview", action="store_true", help="only say what it would change")
        forget = verbs.add_parser("forget", help="delete messages that were decided or sent long ago")
        forget.add_argument("--days", type=int, required=True, help="keep this many days")
        fill = verbs.add_parser("backfill", help="tell a destination of what happened before it was there")
        fill.add_argument("destination", help="its name")
        fill.add_argument(
            "--from", dest="since", required=True, help="facts at or after this moment, as 2026-03-10T14:30"
        )
        fill.add_argument("--to", dest="until", required=True, help="facts before this moment")
        fill.add_argument("--reason", default="back-filled from the command line")
        fill.add_argument("--dry-run", action="store_true", help="only say what would be queued")
        profile = verbs.add_parser("profile", help="print a version's message structure as a profile to begin from")
        profile.add_argument("structure", help="such as ORU_R01")
        profile.add_argument("--hl7-version", default="2.5.1")
        verbs.add_parser("conformance", help="print the conformance statement (docs/interfaces/hl7.md)")
        lint = verbs.add_parser("lint", help="say what this system would do with a message; changes nothing")
        lint.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["verb"])(**options)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        except OSError as error:
            raise CommandError(
                f"{error.filename or options.get('to') or 'listener'}: {error.strerror or error}"
            ) from None

    def send(self, file: Path, to: str | None, **options: Any) -> None:
        host, port = settings.RIS.mllp
        if to:
            host, _, text = to.rpartition(":")
            port = read_number(text, at="port of --to HOST:PORT", least=1, most=65535)
        answer = _exchange(host or "127.0.0.1", port, as_message(file.read_bytes()))
        self.stdout.write(decode_for_display(answer).strip())
        if b"MSA|AA" not in answer and b"MSA|CA" not in answer:
            raise CommandError("It was not accepted.")

    def replay(self, id: list[int], file: Path | None, reason: str, preview: bool, **options: Any) -> None:
        if file and len(id) != 1:
            raise CommandError("--file goes with one id.")
        actor = Actor(getpass.getuser(), None, "command line")
        asked = {name: options.get(name) for name in ("state", "type", "accession", "since", "until", "peer")}
        if not id:
            self._replay_many({name: value for name, value in asked.items() if value}, reason, preview, actor)
            return
        text = file.read_text(encoding="utf-8") if file else None
        for number, pk in enumerate(id, start=1):
            if preview:
                self._show(services.preview_replay(pk, text=text, at=now()))
                continue
            row = services.replay(pk, text=text, reason=reason, actor=actor, at=now())
            self.stdout.write(f"{number}/{len(id)}  {pk} → {row.pk}: {row.state} {row.reason}".rstrip())

    def _replay_many(self, said: dict[str, Any], reason: str, preview: bool, actor: Actor) -> None:
        """A job as on the page; taken here, and by a worker should this command be killed."""
        if not said:
            raise CommandError("Say which: ids, or one of --state, --type, --peer, --accession, --since, --until.")
        if "peer" in said:
            peer = Peer.objects.filter(name=said.pop("peer")).first()
            if peer is None:
                raise CommandError("There is no peer of that name.")
            said["peer_id"] = peer.pk
        asked = MessageFilter.from_values(said)
        if preview:
            counted = bulk_replay.count(asked, None)
            states = ", ".join(f"{number} {state}" for state, number in sorted(counted.by_state.items()))
            self.stdout.write(f"{counted.total} messages would be taken again: {states or 'none'}.")
            return
        job = bulk_replay.start(asked, None, reason=reason, actor=actor, at=now())
        self.stdout.write(f"Replay {job.pk}: {job.total} messages. Ctrl-C stops it.")
        try:
            while (row := bulk_replay.take_next(job.pk, at=now())) is not None:
                self.stdout.write(f"  {row.edit_of_id} → {row.pk}: {row.state} {row.reason}".rstrip())
        except KeyboardInterrupt:
            bulk_replay.halt(job.pk, reason="Ctrl-C", actor=actor, at=now())
        job.refresh_from_db()
        ends = ", ".join(f"{number} {state}" for state, number in sorted(job.outcomes.items()))
        self.stdout.write(f"{job.done} of {job.total} taken again: {ends or 'none'}. {job.state.capitalize()}.")

    def forget(self, days: int, **options: Any) -> None:
        before, total = now() - timedelta(days=read_number(days, at="--days", least=1, most=MOST_DAYS)), 0
        while gone := delete_messages(before=before):
            total += gone
        self.stdout.write(f"{total} messages deleted.")

    def backfill(self, destination: str, since: str, until: str, reason: str, dry_run: bool, **options: Any) -> None:
        """A job as on the page; worked at here, and by a worker should this command be killed."""
        to = Destination.objects.filter(name=destination).first()
        if to is None:
            raise CommandError(f"There is no destination of that name. Known: {', '.join(_names()) or 'none'}.")
        asked = MessageFilter.from_values({"since": since, "until": until})
        if asked.since is None or asked.until is None:
            raise CommandError("Give --from and --to a moment, such as 2026-03-10T14:30.")
        if dry_run:
            counted = backfill.count(to.pk, since=asked.since, until=asked.until)
            kinds = ", ".join(f"{number} {kind}" for kind, number in counted.kinds.items())
            self.stdout.write(f"{counted.facts} facts. {counted.total} messages would be queued: {kinds or 'none'}.")
            self.stdout.write(f"{counted.known} are known to {to.name} and would not be queued again.")
            return
        actor = Actor(getpass.getuser(), None, "command line")
        job = backfill.start(to.pk, since=asked.since, until=asked.until, reason=reason, actor=actor, at=now())
        self.stdout.write(f"Back-fill {job.pk}: {job.total} facts. Ctrl-C stops it.")
        try:
            while backfill.take_some(job.pk, at=now()):
                pass
        except KeyboardInterrupt:
            backfill.halt(job.pk, reason="Ctrl-C", actor=actor, at=now())
        job.refresh_from_db()
        self.stdout.write(f"{job.done} of {job.total} facts: {job.owed} messages queued. {job.state.capitalize()}.")

    def profile(self, structure: str, hl7_version: str, **options: Any) -> None:
        self.stdout.write(structure_as_profile(structure, hl7_version), ending="")

    def conformance(self, **options: Any) -> None:
        self.stdout.write(write_statement(), ending="")

    def lint(self, file: Path, **options: Any) -> None:
        preview = preview_message(as_message(file.read_bytes()), at=now())
        self._show(preview)
        if preview.answer_code != "AA":
            raise CommandError("This system would refuse it.")

    def _show(self, preview: Preview) -> None:
        lines = [f"{preview.answer_code}  {preview.state}{': ' + preview.reason if preview.reason else ''}"]
        lines += [f"  refused at {place or 'the message'}: {text} ({code})" for code, place, text in preview.faults]
        lines += [f"  warning: {warning}" for warning in preview.warnings]
        lines += [f"  {verb} {kind} {pk}" for verb, kind, pk in preview.effects]
        lines += [f"  would audit: {c.action} {c.subject} {c.detail or ''}".rstrip() for c in preview.changes]
        self.stdout.write("\n".join(lines))


def _id(text: str) -> int:
    number = id_or_none(text)
    if number is None:
        raise ArgumentTypeError(f"{text[:20]!r} is no id: a whole number above 0")
    return number


def _names() -> list[str]:
    return list(Destination.objects.order_by("name").values_list("name", flat=True))


def as_message(raw: bytes) -> bytes:
    """A file's bytes without MLLP framing, if it has any; text files whose lines end in LF are sent with CR."""
    raw = raw.strip(b"\x0b\x1c\r\n") + b"\r"
    return raw.replace(b"\r\n", b"\r").replace(b"\n", b"\r") if b"\n" in raw else raw


def _exchange(host: str, port: int, raw: bytes) -> bytes:
    deframer = Deframer()
    with socket.create_connection((host, port), timeout=30) as peer:
        peer.sendall(frame_message(raw))
        while data := peer.recv(65536):
            answers = deframer.feed(data)
            if answers:
                return answers[0].body
    raise CommandError("The listener closed without an answer.")
