"""A trainee's report: given back for revision, attested by its signer, and its discrepancies told."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from ris.audit.models import AuditEvent
from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.values import read_reason
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for
from worklist import services as worklist
from worklist.models import ReadingItem

from .. import states
from ..models import AGREEMENTS, AttestationText, DiscrepancyNotice, Report, ReportReturn, ReportVersion
from .common_reports import refuse_unless_whole, return_covered
from .drafting import held

DEFAULT_ATTESTATION = "I, {signer}, have reviewed the images and the preliminary report of {trainee}{agreement}."
"""Where no site says other words."""
AGREED = {
    "": "",
    "agree": ", and agree with it",
    "minor": ", and agree with the changes made (minor discrepancy)",
    "major": ", and disagree with it (major discrepancy): the text is as it should be",
}
"""What ``{agreement}`` becomes."""


def check_supervisor(supervisor: User, item: ReadingItem) -> None:
    """Raise Invalid unless the person may sign at the case's site."""
    if not sites_for(supervisor, Can.SIGN_REPORTS).filter(pk=item.site_id).exists():
        raise Invalid("Choose somebody who signs reports at this site.", at="supervisor")


@transaction.atomic
def return_report(item_id: int, *, reader: User, note: str, actor: Actor, at: datetime) -> ReportReturn:
    """Give another's preliminary report back for revision: the case waits for its author, with the draft as it is.

    What was released stays released. Raises NotFound, Forbidden; Invalid without a note; Conflict when the case is not
    held, or no preliminary report of another stands.
    """
    read_reason(note, "Say what is to be revised.")
    if len(note) > 500:
        raise Invalid("More than 500 characters.", at="note")
    item = held(item_id, reader)
    require(reader, Can.SIGN_REPORTS, item.site_id)
    trainee = item.preliminary_by
    if trainee is None or trainee.pk == reader.pk:
        raise Conflict("There is no preliminary report of another's to return.", code="no-preliminary")
    report = Report.objects.filter(item=item).get()
    refuse_unless_whole(report, reader)
    Report.objects.take(states.RETURN, report.pk, supervisor=reader)
    returned = ReportReturn.objects.create(
        report=report, supervisor=reader, trainee=trainee, note=note.strip(), returned_at=at
    )
    worklist.pass_back(item_id, reader=reader, to=trainee, actor=actor, at=at)
    return_covered(report, reader=reader, to=trainee, actor=actor, at=at)
    patient_id = item.procedure.order.patient_id
    record(actor, "report.return", report, patient_id=patient_id, reason=note.strip()[:250], at=at, to=trainee.pk)
    return returned


def attestation_of(item: ReadingItem, signer: User, trainee: User, agreement: str, at: datetime) -> str:
    """What the signer attests: the site's words, else those of every site, else the house's; merge fields filled in."""
    texts = AttestationText.objects.filter(Q(site=item.site_id) | Q(site=None), agreement__in=["", agreement])
    # The site's own before those of every site; words for this agreement before those for each.
    chosen = sorted(texts, key=lambda row: (row.site_id is None, row.agreement == ""))
    text = chosen[0].text if chosen else DEFAULT_ATTESTATION
    local = at.astimezone(ZoneInfo(item.site.time_zone))
    fields: defaultdict[str, str] = defaultdict(str)
    fields |= {
        "signer": signer.display_name, "trainee": trainee.display_name, "agreement": AGREED[agreement],
        "time": f"{local:%Y-%m-%d %H:%M} {local.tzname()}",
    }  # fmt: skip
    for name, value in fields.items():
        text = text.replace("{" + name + "}", value)
    return text


def tell_discrepancy(version: ReportVersion, *, at: datetime) -> int:
    """Owe a notice of a minor or major discrepancy to its author and to who may have acted on the preliminary: who
    ordered, and whoever opened it meanwhile. Return how many."""
    if version.agreement not in ("minor", "major") or version.first_author_id is None:
        return 0
    report, order = version.report, version.report.procedure.order
    first = report.versions.filter(kind=ReportVersion.PRELIMINARY, edition=version.edition).order_by("number").first()
    seen = AuditEvent.objects.filter(
        action="report.view", subject="Report", subject_id=str(report.pk), at__lte=at, user__isnull=False
    )
    viewers = set(seen.filter(at__gte=first.signed_at).values_list("user_id", flat=True)) if first else set()
    people = (viewers | {version.first_author_id, order.referrer_id}) - {None, version.author_id}
    rows = [DiscrepancyNotice(version=version, recipient_id=pk, grade=version.agreement, told_at=at) for pk in people]
    if order.referrer_id is None and order.ordering_provider:
        provider = order.ordering_provider[:250]
        rows.append(DiscrepancyNotice(version=version, provider=provider, grade=version.agreement, told_at=at))
    return len(DiscrepancyNotice.objects.bulk_create(rows))


@transaction.atomic
def acknowledge_notice(notice_id: int, *, reader: User, actor: Actor, at: datetime) -> DiscrepancyNotice:
    """Say that one has read a notice; for an ordering provider without an account, that they were told.

    Raises NotFound; Forbidden for another's; Conflict when it was acknowledged already.
    """
    notice = DiscrepancyNotice.objects.select_related("version__report__item").filter(pk=notice_id).first()
    if notice is None:
        raise NotFound("There is no such notice.")
    item = notice.version.report.item
    tells = notice.recipient_id is None and sites_for(reader, Can.READ_CASES).filter(pk=item.site_id).exists()
    if notice.recipient_id != reader.pk and not tells:
        raise Forbidden("This notice is for somebody else.", code="not-recipient")
    if not DiscrepancyNotice.objects.filter(pk=notice_id, acknowledged_at=None).update(acknowledged_at=at):
        raise Conflict("This notice was acknowledged already.")
    record(actor, "discrepancy.acknowledge", notice, patient_id=item.procedure.order.patient_id, at=at)
    notice.refresh_from_db()
    return notice


def grades() -> dict[str, str]:
    """Grades of agreement with a preliminary report, for people."""
    return dict(AGREEMENTS)
