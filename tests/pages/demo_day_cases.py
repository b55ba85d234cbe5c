"""The reading of a day: cases in each state, drafts and texts, reports of each kind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reporting import services as reporting
from reporting.models import TextDraft
from reporting.search.services import save_search
from reporting.writing.macros import save_macro
from reporting.writing.templates import save_template
from ris.audit.services import Actor
from ris.orders import services as orders
from ris.orders.models import Order
from ris.people.roles import Role
from tests.factories import TESTER, make_order
from worklist import services as worklist
from worklist.models import AwaitedImages, Offer, ReadingItem

if TYPE_CHECKING:
    from tests.pages.demo_day import Day


def open_case(day: Day, **order: Any) -> ReadingItem:
    """An exam that was done an hour ago, and waits to be read."""
    ordered = make_order(at=day.at - timedelta(hours=2), **order)
    step = ordered.procedures.get().steps.get()
    began = day.at - timedelta(minutes=70)
    orders.start_by_hand(step.pk, actor=TESTER, at=began)
    orders.complete_by_hand(step.pk, actor=TESTER, at=began + timedelta(minutes=10))
    return worklist.open_item(step.procedure_id, at=day.at - timedelta(hours=1))


def cases(day: Day) -> None:
    """Reading items in each state, by each kind of reader, with reports of each kind."""
    for name in ("on", "off", "plain", "gone"):
        worklist.claim(open_case(day).pk, **day.by(name))
        _drafted(day, name)
    open_case(day)
    suggested = open_case(day)
    ReadingItem.objects.filter(pk=suggested.pk).update(assigned_to=day.readers["gone"], assigned_at=day.at)
    worklist.reserve(open_case(day).pk, reader=day.readers["plain"], reason="Knows them", actor=TESTER, at=day.at)
    offered = open_case(day, priority="STAT")
    for reader, outcome in (("on", Offer.DECLINED), ("gone", Offer.LAPSED), ("off", Offer.OPEN)):
        Offer.objects.create(item=offered, reader=day.readers[reader], offered_at=day.at, outcome=outcome,
                             until=day.at + timedelta(minutes=1))  # fmt: skip
    parked = {"until": day.at + timedelta(hours=1), "reason": "Priors"}
    worklist.park(open_case(day).pk, stop_clock=True, **parked, **day.by("on"))
    worklist.park(worklist.claim(open_case(day).pk, **day.by("off")).pk, **parked, **day.by("off"))
    worklist.skip(open_case(day).pk, reason="Not mine", **day.by("on"))
    cancelled = open_case(day)
    worklist.cancel_item(cancelled.procedure_id, at=day.at)
    over = open_case(day, priority="STAT")
    worklist.set_mark(over.pk, "patient waiting", on=True, actor=TESTER, at=day.at)
    worklist.note_ai_result(over.pk, vendor="ZZAI", code="ICH", positive=True, score=0.9, result_at=day.at,
                            actor=TESTER, at=day.at)  # fmt: skip
    waiting = make_order(at=day.at).procedures.get()
    AwaitedImages.objects.create(procedure=waiting, site=day.site, since=day.at - timedelta(hours=2))
    _reports(day)


def _drafted(day: Day, name: str, **sections: str) -> tuple[int, int]:
    item = ReadingItem.objects.filter(reader=day.readers[name], state="claimed").latest("pk")
    text = {"findings": "Nothing of note.", "impression": "Normal."} | sections
    return item.pk, reporting.save_draft(item.pk, revision=0, sections=text, **day.by(name)).revision


def _reports(day: Day) -> None:
    """Released: preliminary, final alone and over a preliminary, with addendum, corrected, critical."""
    for _ in range(3):
        worklist.claim(open_case(day).pk, **day.by("trainee"))
        item_id, revision = _drafted(day, "trainee")
        reporting.sign_preliminary(item_id, revision=revision, **day.by("trainee"))
    item = worklist.claim(item_id, **day.by("on"))
    reporting.sign(item.pk, revision=revision, agreement="major", agreement_note="Missed", **day.by("on"))
    for critical in ({}, {"critical_level": "red", "critical_finding": "Bleeding"}):
        worklist.claim(open_case(day).pk, **day.by("on"))
        item_id, revision = _drafted(day, "on", **critical)
        version = reporting.sign(item_id, revision=revision, **day.by("on"))
        reporting.add_addendum(version.report_id, text="Seen with the ward.", critical_level="yellow",
                               critical_finding_text="Nodule", **day.by("on"))  # fmt: skip
        report = version.report
        report.refresh_from_db()
        reporting.correct(report.pk, revision=report.revision, sections={"impression": "Not normal."}, reason="Side",
                          **day.by("on"))  # fmt: skip
    _supervised(day)
    _of_the_role(day)  # first, since of texts that are alike one is asked for
    for kind in TextDraft.KINDS:
        reporting.save_text(report.item_id, kind, author=day.readers["on"], version=0, fields={"findings": "Not sent."},
                            actor=TESTER, at=day.at)  # fmt: skip
    item = worklist.claim(open_case(day).pk, **day.by("gone"))
    reporting.save_draft(item.pk, revision=0, sections={"findings": "Of another."}, **day.by("gone"))
    worklist.take_over(item.pk, reason="Gone", **day.by("on"))
    Order.objects.filter(procedures__report=report).update(referrer=day.roles[Role.REFERRER])
    worklist.claim(open_case(day).pk, **day.by("gone"))
    item_id, revision = _drafted(day, "gone")
    reporting.sign(item_id, revision=revision, **day.by("gone"))
    radiologist = day.roles[Role.RADIOLOGIST]
    save_template(None, title="CT head", sections={"findings": "Ventricles: [ventricles=normal|wide]."}, conditions={},
                  user=day.roles[Role.LEAD], actor=TESTER, at=day.at)  # fmt: skip
    save_macro(day.roles[Role.LEAD], "ncl", "No change. {indication}", shared=True, actor=TESTER, at=day.at)
    save_search(radiologist, "Not normal", {"q": '"not normal"'}, actor=Actor.of_user(radiologist), at=day.at)


def _of_the_role(day: Day) -> None:
    """A case that the radiologist of the roles holds, and words that they did not sign."""
    reader = day.roles[Role.RADIOLOGIST]
    said: dict[str, Any] = {"actor": Actor.of_user(reader), "at": day.at}
    item = worklist.claim(open_case(day).pk, reader=reader, **said)
    reporting.save_text(item.pk, TextDraft.REPORT, author=reader, version=0, fields={"findings": "Mine."}, **said)


def _supervised(day: Day) -> None:
    """Returned to its author; retracted, and read again or not."""
    item = worklist.claim(open_case(day).pk, **day.by("trainee"))
    item_id, revision = _drafted(day, "trainee")
    reporting.sign_preliminary(item_id, revision=revision, supervisor=day.readers["on"], **day.by("trainee"))
    worklist.claim(item.pk, **day.by("on"))
    reporting.return_report(item.pk, note="Measure it", **day.by("on"))
    lead = day.roles[Role.LEAD]
    for again in (True, False):
        worklist.claim(open_case(day).pk, **day.by("on"))
        item_id, revision = _drafted(day, "on")
        version = reporting.sign(item_id, revision=revision, **day.by("on"))
        reporting.retract(version.report_id, reader=lead, cause="wrong exam", reason="Other exam", read_again=again,
                          actor=Actor.of_user(lead), at=day.at)  # fmt: skip
