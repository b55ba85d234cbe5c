"""Final reports that are corrected: what is kept, who may, and what races."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from reporting import services
from reporting.models import Report, ReportVersion
from reporting.rendering.content import critical_of, holding
from ris.audit.models import AuditEvent
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.kernel.models import Record
from ris.people.models import User
from ris.people.roles import Role
from tests.racing import race
from tests.reporting.written import NORMAL, by, preliminary, printed, signed
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db

RIGHT = {"impression": "Small bleed on the right."}


def correct(version: ReportVersion, reader: User, revision: int = 1, **more: object) -> ReportVersion:
    said = {"sections": RIGHT, "reason": "Wrong side"} | more
    return services.correct(version.report_id, revision=revision, **said, **by(reader))


def test_a_correction_is_a_version_with_the_whole_text_and_its_reason_and_the_signed_one_stays() -> None:
    reader = make_reader()
    version = signed(reader)
    corrected = correct(version, reader)
    assert (corrected.number, corrected.kind, corrected.reason) == (2, "corrected", "Wrong side")
    assert (corrected.findings, corrected.impression) == (NORMAL["findings"], RIGHT["impression"])
    assert ReportVersion.objects.get(number=1).impression == "Normal."
    assert Report.objects.get().impression == RIGHT["impression"]
    assert services.broken_version(version.report) is None
    assert Record.objects.get(kind="ReportCorrected").body["version_id"] == corrected.pk
    audited = AuditEvent.objects.get(action="report.correct")
    assert (audited.reason, audited.detail["version"]) == ("Wrong side", 2)


def test_addenda_from_before_stay_and_follow_the_corrected_text() -> None:
    reader = make_reader()
    version = signed(reader)
    services.add_addendum(version.report_id, text="Also a cyst.", **by(reader))
    corrected = correct(version, reader)
    assert [v.kind for v in holding(corrected)] == ["corrected", "addendum"]
    text = printed(corrected)
    assert "Corrected because: Wrong side" in text
    assert text.index("on the right") < text.index("Also a cyst.")
    assert "Normal." not in text


@pytest.mark.parametrize("reason", ["", "  ", "x" * 251])
def test_a_correction_needs_a_reason_of_a_sentence(reason: str) -> None:
    reader = make_reader()
    version = signed(reader)
    with pytest.raises(Invalid) as refused:
        correct(version, reader, reason=reason)
    assert refused.value.at == "reason"


def test_a_correction_that_changes_nothing_is_refused_and_one_that_empties_the_impression_wants_an_override() -> None:
    reader = make_reader()
    version = signed(reader)
    with pytest.raises(Invalid, match="Nothing is different"):
        correct(version, reader, sections=NORMAL)
    with pytest.raises(Invalid) as refused:
        correct(version, reader, sections={"impression": ""})
    assert refused.value.code == "check:impression missing"
    kept = correct(version, reader, sections={"impression": ""}, overrides={"impression missing": "see findings"})
    assert kept.overrides.get().reason == "see findings"


def test_who_signed_it_corrects_it_or_who_leads_and_nobody_else() -> None:
    author, other, lead = make_reader(), make_reader("other"), make_reader("lead", role=Role.LEAD)
    version = signed(author)
    with pytest.raises(Forbidden):
        correct(version, other)
    with pytest.raises(Forbidden):
        correct(version, make_reader("resident", role=Role.RESIDENT))
    assert correct(version, lead).author == lead
    assert correct(version, author, 2, sections={"impression": "Normal after all."}).number == 3


def test_what_is_not_final_cannot_be_corrected() -> None:
    version = preliminary()
    lead = make_reader("lead", role=Role.LEAD)
    with pytest.raises(Conflict):
        correct(version, lead)
    assert ReportVersion.objects.count() == 1


def test_an_older_text_corrects_nothing() -> None:
    reader = make_reader()
    version = signed(reader)
    correct(version, reader)
    with pytest.raises(Conflict) as refused:
        correct(version, reader, sections={"impression": "No bleed."})
    assert refused.value.code == "stale-draft"


@pytest.mark.django_db(transaction=True)
def test_of_8_who_correct_the_same_text_one_wins_and_the_others_are_told() -> None:
    reader = make_reader()
    version = signed(reader)
    outcomes = race(8, lambda n: correct(version, reader, sections={"impression": f"reading {n}"}))
    assert sum(isinstance(o, ReportVersion) for o in outcomes) == 1
    assert {o.code for o in outcomes if isinstance(o, Conflict)} == {"stale-draft"}
    assert ReportVersion.objects.filter(kind="corrected").count() == 1


def test_the_database_wants_a_reason_of_a_correction_and_changes_none() -> None:
    reader = make_reader()
    corrected = correct(signed(reader), reader)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReportVersion.objects.filter(pk=corrected.pk).update(impression="Normal.")
    corrected.pk, corrected.number, corrected.reason = None, 9, ""
    with pytest.raises(IntegrityError), transaction.atomic():
        corrected.save(force_insert=True)


def test_a_critical_finding_is_kept_with_the_version_and_since_when_it_is_known() -> None:
    reader = make_reader()
    version = signed(reader, NORMAL | {"critical_level": "red", "critical_finding": "Acute bleed"})
    assert (version.critical_level, version.critical_finding, version.critical_at) == (
        "red",
        "Acute bleed",
        version.signed_at,
    )
    assert AuditEvent.objects.get(action="report.sign").detail["critical_level"] == "red"
    assert "Critical finding (red): Acute bleed" in printed(version)


def test_a_critical_finding_needs_both_its_level_and_its_words() -> None:
    reader = make_reader()
    for half, at in (
        ({"critical_level": "red"}, "critical_finding"),
        ({"critical_finding": "Bleed"}, "critical_level"),
    ):
        with pytest.raises(Invalid) as refused:
            signed(reader, NORMAL | half)
        assert refused.value.at == at
    with pytest.raises(Invalid):
        signed(reader, NORMAL | {"critical_level": "purple", "critical_finding": "Bleed"})


def test_a_correction_takes_a_critical_finding_back_and_an_addendum_brings_one() -> None:
    reader = make_reader()
    version = signed(reader, NORMAL | {"critical_level": "orange", "critical_finding": "Nodule"})
    corrected = correct(version, reader, sections={"critical_level": "", "critical_finding": ""})
    assert critical_of(corrected) is None
    added = services.add_addendum(
        version.report_id, text="It bleeds.", critical_level="red", critical_finding_text="Bleed", **by(reader)
    )
    assert critical_of(added) == added
    assert critical_of(version) == version


def test_who_signs_over_a_preliminary_may_say_how_far_they_agree() -> None:
    first = preliminary()
    signer = make_reader("signer")
    worklist.claim(first.report.item_id, **by(signer))
    signing = {"revision": 1, **by(signer)}
    for wrong in ({"agreement": "somewhat"}, {"agreement_note": "missed a nodule"}):
        with pytest.raises(Invalid):
            services.sign(first.report.item_id, **wrong, **signing)
    version = services.sign(first.report.item_id, agreement="minor", agreement_note="Missed a nodule.", **signing)
    assert (version.agreement, version.agreement_note) == ("minor", "Missed a nodule.")
    assert "nodule" not in printed(version)
    assert services.broken_version(version.report) is None


def test_without_a_preliminary_there_is_nothing_to_agree_with() -> None:
    reader = make_reader()
    item = worklist.claim(make_item().pk, **by(reader))
    services.save_draft(item.pk, revision=0, sections=NORMAL, **by(reader))
    with pytest.raises(Invalid) as refused:
        services.sign(item.pk, revision=1, agreement="agree", **by(reader))
    assert refused.value.at == "agreement"
