"""``bin/ris mwl``: ask the worklist from the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from interfaces.dicom.conformance_statement import build_tables
from interfaces.dicom.selectors import Explanation, explain_absence
from ris.audit.services import Actor, record
from ris.catalog.models import Device
from ris.kernel.clock import now
from ris.kernel.errors import NotFound


class Command(BaseCommand):
    help = "Questions about the modality worklist: explain why an order is, or is not, on a device's list."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        explaining = actions.add_parser("explain", help="replay the device's last query against an order")
        explaining.add_argument("--device", required=True, help="AE title")
        explaining.add_argument("--accession", required=True)
        actions.add_parser("conformance", help="print the tables of docs/interfaces/dicom.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "conformance":
            self.stdout.write(build_tables())
            return
        device = Device.objects.filter(ae_title=options["device"]).first()
        if device is None:
            known = ", ".join(Device.objects.order_by("ae_title").values_list("ae_title", flat=True)[:30])
            raise CommandError(f"There is no device {options['device']!r}. There are: {known}")
        try:
            explanation = explain_absence(device, options["accession"], at=now())
        except NotFound as error:
            raise CommandError(error.detail) from None
        patient_id = explanation.steps[0].step.procedure.order.patient_id if explanation.steps else None
        record(Actor.job("command line"), "worklist.explain", device, patient_id=patient_id, at=now())
        self.stdout.write(in_words(explanation))


def in_words(explanation: Explanation) -> str:
    """The explanation as lines of text."""
    title, query = explanation.device.ae_title, explanation.query
    if query is None:
        return (
            f"{title} has never asked for its worklist (or longer ago than queries are kept).\n"
            "Check that the scanner calls this address, port and AE title: ./bin/ris serve prints them."
        )
    lines = [f"{title} asked last at {query.at:%Y-%m-%d %H:%M:%S} UTC from {query.address}: {query.rows} rows."]
    lines += [f"  note: {note}" for note in query.notes]
    for verdict in explanation.steps:
        lines.append(f"Step {verdict.step.number}: {'on the list' if verdict.listed else 'NOT on the list'}")
        width = max(len(key.key) for key in verdict.keys)
        for key in verdict.keys:
            mark = "ok" if key.fits else "NO"
            lines.append(f"  {mark}  {key.key.ljust(width)}  asked: {key.asked}   is: {key.is_}")
    return "\n".join(lines)
