from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from ris.catalog.selectors import procedures_matching
from ris.kernel.errors import Invalid
from ris.kernel.values import LONGEST, MOST_WORDS, read_words
from ris.people.roles import Role
from tests.factories import ProcedureFactory, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


def test_a_search_has_a_most_of_words_and_of_characters() -> None:
    assert read_words(" zz " * MOST_WORDS, at="text") == ["zz"] * MOST_WORDS
    assert read_words("z" * LONGEST, at="text") == ["z" * LONGEST]
    for too_much in ("zz " * (MOST_WORDS + 1), "z" * (LONGEST + 1)):
        with pytest.raises(Invalid, match="Ask for less") as refusal:
            read_words(too_much, at="text")
        assert refusal.value.at == "text"


def test_a_search_for_patients_with_ten_thousand_words_is_refused_by_its_field() -> None:
    order = make_order()
    client = APIClient()
    client.force_authenticate(make_user("zzscheduler", Role.SCHEDULER, sites=[order.site]))
    answer = client.post("/api/patients/search/", {"text": "a " * 10_000}, format="json")
    assert (answer.status_code, answer.data["at"]) == (400, "text")
    answer = client.post("/api/patients/search/", {"text": order.patient.family_name}, format="json")
    assert [found["id"] for found in answer.data] == [order.patient_id]


def test_a_search_for_procedures_with_ten_thousand_words_is_refused_by_its_field() -> None:
    SiteFactory()
    procedure = ProcedureFactory()
    assert list(procedures_matching(procedure.name)) == [procedure]
    with pytest.raises(Invalid) as refusal:
        procedures_matching("a " * 10_000)
    assert refusal.value.at == "code"
