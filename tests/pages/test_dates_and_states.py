from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone

from interfaces.hl7 import states as hl7
from ris.kernel.templatetags.times import age, day, span
from ris.kernel.templatetags.ui import PRIORITIES, STATES, URGENCIES, fact, person
from ris.orders import states as orders
from ris.orders.models import Order
from worklist import states as worklist
from worklist.models import ReadingItem


def test_a_date_is_never_digits_only() -> None:
    assert day(date(1945, 7, 14)) == "14-Jul-1945"


def test_ages_are_in_the_unit_that_says_most() -> None:
    today = timezone.localdate()
    assert age(date(today.year - 81, 1, 1)) == "81 y"
    assert age(today - timedelta(days=12)) == "12 d"
    assert age(today - timedelta(days=100)).endswith(" mo")
    assert age(today + timedelta(days=1)) == "" and age(None) == ""


def test_a_length_of_time_reads_at_a_glance() -> None:
    assert [span(s) for s in (40, 720, 11_100, 187_200)] == ["40 s", "12 min", "3 h 05", "2 d 4 h"]


def test_names_as_messages_carry_them_are_shown_for_people() -> None:
    assert person("DEMO^ALVA^B") == "DEMO, ALVA B" and person("") == "" and person(None) == ""
    assert fact("ExamCompleted") == "Exam completed"


def test_every_state_has_an_icon_a_colour_and_a_word() -> None:
    constants = [pair for module in (orders, worklist, hl7) for pair in vars(module).items()]
    used = {value for name, value in constants if name.isupper() and isinstance(value, str)}
    assert used <= set(STATES), used - set(STATES)
    assert {value for value, _ in Order.PRIORITIES} == set(PRIORITIES)
    assert {value for value, _ in ReadingItem.URGENCIES} == set(URGENCIES)
