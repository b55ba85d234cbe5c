"""``bin/ris audit``: verify, seal, archive and check the audit trail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ris.audit.archive import check_archive, remove_archived, write_archive
from ris.audit.chain import heads_file, seal_trail
from ris.audit.services import Actor
from ris.audit.verification import verify_trail
from ris.kernel.clock import now
from ris.kernel.errors import Refusal
from ris.operations.sealing import SealError, check_signature, sign


class Command(BaseCommand):
    help = "The audit trail: verify, seal, archive a year, check an archive. See docs/security.md."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser(
            "verify", help="read the whole trail again; exit code 1 when it is not what was sealed"
        )
        verify.add_argument("--heads", type=Path, help="file of heads that were written down outside (RIS_AUDIT_HEADS)")
        verbs.add_parser("seal", help="seal now what the job would seal within a minute")
        archive = verbs.add_parser("archive", help="write a year that is over to a signed file")
        archive.add_argument("year", type=int)
        archive.add_argument("--to", required=True, type=Path, help="the file (NDJSON); its signature is FILE.p7s")
        archive.add_argument("--key", required=True, type=Path, help="private key that signs (PEM)")
        archive.add_argument("--certificate", required=True, type=Path, help="its certificate (PEM)")
        archive.add_argument("--remove", action="store_true", help="then delete these events here; as the owner only")
        check = verbs.add_parser("check", help="check an archive: its signature, its links, its events")
        check.add_argument("file", type=Path)
        check.add_argument("--certificate", required=True, type=Path, help="certificate that it was signed by (PEM)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except (Refusal, SealError, FileExistsError) as error:
            raise CommandError(str(error)) from None

    def _verify(self, options: dict[str, Any]) -> None:
        verdict = verify_trail(at=now(), heads=options["heads"] or heads_file())
        self.stdout.write(
            f"{verdict.seals} seals, {verdict.events} events, {verdict.archived} more in archives, "
            f"{verdict.unsealed} not sealed yet. Head: {verdict.head}"
        )
        if verdict.findings:
            raise CommandError("The trail is NOT what was sealed:\n  " + "\n  ".join(verdict.findings))
        self.stdout.write("The trail is what was sealed.")

    def _seal(self, options: dict[str, Any]) -> None:
        for seal in seal_trail(at=now()):
            self.stdout.write(f"seal {seal.number}: {seal.count} events, head {seal.head}")

    def _archive(self, options: dict[str, Any]) -> None:
        at = now()
        archive = write_archive(options["year"], options["to"], at=at)
        signature = sign(options["to"], options["certificate"], options["key"])
        read_again, findings = check_archive(options["to"])
        if findings or read_again != archive:
            raise CommandError("The file is not what the trail was: " + "; ".join(findings))
        self.stdout.write(f"{archive.events} events under seals {archive.first} to {archive.last}; {signature}")
        if options["remove"]:
            removed = remove_archived(archive, actor=Actor.job("command line"), at=at)
            self.stdout.write(f"{removed} events were removed here. The chain goes on.")

    def _check(self, options: dict[str, Any]) -> None:
        check_signature(options["file"], options["certificate"])
        archive, findings = check_archive(options["file"])
        if findings:
            raise CommandError("\n  ".join(["The archive is NOT what was sealed:", *findings]))
        self.stdout.write(f"Signed; {archive.events} events under seals {archive.first} to {archive.last}, as sealed.")
