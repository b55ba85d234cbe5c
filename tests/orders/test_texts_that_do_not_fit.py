"""What a column cannot hold is refused by the name of the field, on every database, and nothing is kept."""

from __future__ import annotations

import pytest

from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.errors import Invalid
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.orders.models import Order, ScheduledStep
from ris.patients.intents import PatientIntent
from ris.patients.models import Patient
from ris.patients.services import resolve_patient
from tests.factories import NOON, TESTER, SiteFactory, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return SiteFactory()


@pytest.mark.parametrize(
    "said,at",
    [
        ({"family_name": "Z" * 195}, "family_name"),
        ({"sex": "X"}, "sex"),
        ({"identifiers": (("T" * 65, "NORTH", "MR"),)}, "identifiers.value"),
    ],
)
def test_a_patient_whose_data_do_not_fit_is_refused(said: dict[str, object], at: str) -> None:
    intent = {"identifiers": (("T1", "NORTH", "MR"),)} | said
    with pytest.raises(Invalid) as refusal:
        resolve_patient(PatientIntent(**intent), actor=TESTER, at=NOON, authoritative=True)
    assert refusal.value.at == at
    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    "said,at",
    [
        ({"ordering_provider": "Z" * 195}, "ordering_provider"),
        ({"procedures": (ProcedureIntent(code=Code("C" * 65)),)}, "procedures.code"),
        ({"procedures": (ProcedureIntent(code=Code("C"), steps=(StepIntent(location="R" * 65),)),)},
         "procedures.steps.location"),
    ],
)  # fmt: skip
def test_an_order_whose_texts_do_not_fit_is_refused(site: Site, said: dict[str, object], at: str) -> None:
    with pytest.raises(Invalid) as refusal:
        make_order(site=site, **said)
    assert refusal.value.at == at
    assert not Order.objects.exists()


def test_the_long_text_of_a_code_is_cut_where_it_describes_a_step(site: Site) -> None:
    order = make_order(site=site, procedures=(ProcedureIntent(code=Code("C", text="T" * 200)),))
    assert order.procedures.get().code_text == "T" * 200
    assert ScheduledStep.objects.get().description == "T" * 120


def test_a_reason_that_is_longer_than_the_audit_keeps_is_refused(site: Site) -> None:
    record(TESTER, "order.hold", site, reason="x" * 250, at=NOON)
    with pytest.raises(Invalid, match="reason: A reason has at most 250 characters"):
        record(TESTER, "order.hold", site, reason="x" * 251, at=NOON)
