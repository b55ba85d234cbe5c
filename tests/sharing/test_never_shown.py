"""Whatever was shared, released, held, corrected, retracted and ended: nobody sees a report without a right to it.

A random run keeps beside the database a book of its own of who may see what, in the simplest words, and compares.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from reporting import services as reporting
from reporting.models import Report, ReportVersion
from reporting.release import services as release
from ris.audit.services import Actor
from ris.kernel.errors import Refusal
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from ris.sharing.models import PortalAccount, PortalGrant
from ris.sharing.portal import accounts
from ris.sharing.portal.selectors import portal_reports
from ris.sharing.shares.services import NewShare, ShareIntent, make_share, open_share, revoke_share
from tests.factories import NOON, PatientFactory, make_user
from tests.reporting.written import by, signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db
STEPS = 60


@dataclass
class Book:
    """What should hold. ``free``: reports that their patients may see; ``gone``: retracted ones."""

    at: datetime
    rng: random.Random
    reader: User
    clerk: User
    lead: User
    versions: list[ReportVersion]
    free: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    grants: dict[int, tuple[PortalAccount, int, datetime]] = field(default_factory=dict)
    shares: list[dict[str, object]] = field(default_factory=list)

    def pick(self) -> Report:
        return self.rng.choice(self.versions).report.reread()

    # --- what may happen ---

    def hold(self) -> None:
        report = self.pick()
        if report.pk not in self.gone | self.held:
            release.hold(report, reason="x", holder=self.reader, actor=Actor.of_user(self.reader), at=self.at)
            self.held.add(report.pk)
            self.free.discard(report.pk)

    def let_go(self) -> None:
        report = self.pick()
        if report.pk in self.held:
            release.let_go(report, actor=Actor.of_user(self.reader), at=self.at)
            self.held.discard(report.pk)
            self.free.add(report.pk)

    def correct(self) -> None:
        report = self.pick()
        if report.pk in self.gone:
            return
        texts = {"findings": f"Corrected {self.rng.random()}.", "impression": "Other."}
        reporting.correct(report.pk, revision=report.revision, sections=texts, reason="x", overrides={},
                          **by(self.reader))  # fmt: skip
        if self.rng.random() < 0.5:
            deliver_owed(at=NOON)  # else it is undecided until somebody else's step
        else:
            assert report.pk not in {seen.pk for account in PortalAccount.objects.all()
                                     for seen in portal_reports(account, at=self.at)}  # fmt: skip
            deliver_owed(at=NOON)

    def retract(self) -> None:
        report = self.pick()
        if report.pk not in self.gone and self.rng.random() < 0.2:
            reporting.retract(report.pk, cause="other", reason="x", read_again=False, **by(self.lead))
            self.gone.add(report.pk)
            self.free.discard(report.pk)
            self.held.discard(report.pk)

    def invite(self) -> None:
        version = self.rng.choice(self.versions)
        order = version.report.procedure.order
        days = self.rng.randrange(0, 4)
        ends = (self.at + timedelta(days=days)).date()
        intent = accounts.InvitationIntent("granted", "ZZTEST", ends)
        row, code = accounts.invite(order.patient_id, intent, site=order.site, inviter=self.clerk,
                                    actor=Actor.of_user(self.clerk), at=self.at)  # fmt: skip
        account = PortalAccount.objects.create(name=f"zz{row.pk}", password="!", made_at=self.at)
        found = accounts.redeem(code, f"{order.patient.birth_date}", address="192.0.2.1", at=self.at)
        grant = accounts.add_grant(found, account, address="", at=self.at)
        end = datetime.combine(ends, datetime.min.time(), tzinfo=self.at.tzinfo) + timedelta(days=1, hours=5)
        self.grants[grant.pk] = (account, order.patient_id, end)

    def end_grant(self) -> None:
        if self.grants:
            pk = self.rng.choice(list(self.grants))
            accounts.end_grant(PortalGrant.objects.get(pk=pk), actor=Actor.job("x"), at=self.at)
            account, patient_id, _ = self.grants[pk]
            self.grants[pk] = (account, patient_id, self.at)

    def share(self) -> None:
        report, audience = self.pick(), self.rng.choice(["clinician", "patient"])
        intent = ShareIntent(audience, "ZZTEST", ("report",), self.rng.choice(["pin", "birth date"]),
                             self.rng.randrange(1, 4), self.rng.randrange(1, 3))  # fmt: skip
        allowed = report.pk in self.free if audience == "patient" else report.pk not in self.gone
        try:
            made = make_share(report.pk, intent, maker=self.reader, actor=Actor.of_user(self.reader), at=self.at)
        except Refusal:
            assert not allowed
            return
        assert allowed, "a report was shared that nobody outside may see"
        self.shares.append({"made": made, "left": intent.most_views, "tries": 5, "end": self.at
                            + timedelta(days=intent.days), "audience": audience, "report": report.pk})  # fmt: skip

    def revoke(self) -> None:
        if self.shares:
            row = self.rng.choice(self.shares)
            made = row["made"]
            assert isinstance(made, NewShare)
            if row["left"] != -1:
                revoke_share(self.reader, made.share.pk, reason="x", actor=Actor.of_user(self.reader), at=self.at)
                row["left"] = -1

    def come(self) -> None:
        """Somebody opens a link, with the right second factor or another."""
        if not self.shares:
            return
        row = self.rng.choice(self.shares)
        made, right = row["made"], self.rng.random() < 0.6
        assert isinstance(made, NewShare)
        born = f"{made.share.report.procedure.order.patient.birth_date}"
        factor = (made.pin or born) if right else self.rng.choice(["", "000", "1900-01-01"])
        report, patient = row["report"], row["audience"] == "patient"
        live = row["left"] > 0 and row["tries"] > 0 and self.at < row["end"]  # type: ignore[operator]
        fit = report in self.free if patient else report not in self.gone
        try:
            open_share(made.token, factor, address=f"192.0.2.{self.rng.randrange(250)}", at=self.at)
        except Refusal:
            assert not (live and right and fit), "somebody with every right was turned away"
            row["tries"] -= live and not right  # type: ignore[operator]
            return
        assert live and right and fit, f"opened without a right: {live=} {right=} {fit=}"
        row["left"] -= 1  # type: ignore[operator]

    def wait(self) -> None:
        self.at += timedelta(hours=self.rng.randrange(1, 30))

    # --- what must hold ---

    def check(self) -> None:
        for account, patient_id, end in self.grants.values():
            seen = {report.pk for report in portal_reports(account, at=self.at)}
            reports = {v.report_id for v in self.versions if v.report.procedure.order.patient_id == patient_id}
            expected = reports & self.free if self.at < end else set()
            assert seen == expected, f"{account}: sees {seen}, may see {expected}"


@pytest.mark.parametrize("seed", [20261128])
def test_nobody_sees_a_report_without_a_right_to_it(seed: int) -> None:
    rng = random.Random(seed)
    reader = make_reader()
    patients = [PatientFactory(), PatientFactory()]
    versions = [signed(reader, patient=patient) for patient in (*patients, patients[0])]
    deliver_owed(at=NOON)
    site = versions[0].report.item.site
    clerk, lead = make_user("zzclerk", Role.SCHEDULER, sites=(site,)), make_user("zzlead", Role.LEAD, sites=(site,))
    book = Book(NOON, rng, reader, clerk, lead, versions, free={version.report_id for version in versions})
    steps = [book.hold, book.let_go, book.correct, book.retract, book.invite, book.end_grant, book.share, book.share,
             book.revoke, book.come, book.come, book.come, book.wait]  # fmt: skip
    for _ in range(STEPS):
        rng.choice(steps)()
        book.check()
