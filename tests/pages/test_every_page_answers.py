"""Every page and every call answers every role, in every state of a day, and whatever it is asked with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from ris.kernel.clock import now
from ris.people.models import User
from ris.people.roles import ROLES, Role
from tests.pages.demo_day import Day, begin_day, fill_day
from tests.pages.every_address import NO_ID, Place, broken, client_of, places

pytestmark = pytest.mark.django_db

TO_ELSEWHERE = ("", "reading/<int:item_id>/images/", "results/<int:report_id>/images/")
"""What leads on to a role's own page, or to the viewer."""
MAY_BE_MISSING = (
    "results/",
    "board/",
    "orders/",
    "patients/",
    "devices/",
    "exceptions/images/",
    "reading/<int:item_id>/patient-release/",
)
"""Pages of things that not everybody with the role is shown: of another site, not begun or released, of others."""
NEEDS_MORE = (
    "api/calendar/",
    "api/slots/",
    "api/dicom/explain/",
    "api/reports/search/",
    "fhir/R4/.*",
    "fhir/R4/Subscription/",
    "dicom-web/",
    "fhircast/",
    "iid/",
    "smart/",
    "account/second-factor/",
    "portal/results/",
    "portal/patients/",
)
"""What is shown only with a query, by a name that is no id, to who has a second factor, or to a patient's account."""

ASKED_BY_APPS = ("smart/authorize",)
"""Pages to which a person is sent by an app, with its question: 400 without one."""


@pytest.fixture
def day() -> Day:
    return begin_day(now())


def answers(role: Role, user: User, known: Known) -> Iterator[tuple[Place, str, Any]]:
    """Every address as the role is answered at it; one address where the role has no business."""
    client = client_of(user)
    for place in places():
        for where in known.worth_asking(place):
            answer = get(client, where)
            known.learn(place, answer.status_code)
            yield place, where, answer
            if answer.status_code == 405 or (
                answer.status_code == 403 and not place.route.endswith(("/correct/", "/retract/"))
            ):
                break


def all_states() -> bool:
    """Whether every state of a row is asked for: a page's statements depend little on it, so SQLite alone is."""
    return connection.vendor == "sqlite"


@dataclass
class Known:
    """What earlier roles were answered, so that nothing is asked eight times that does not depend on the role."""

    posts: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)

    def learn(self, place: Place, status: int) -> None:
        if status == 405:
            self.posts.add(place.route)
        elif status == 200 and place.cans is None:
            self.calls.add(place.route)

    def worth_asking(self, place: Place) -> tuple[str, ...]:
        """No address of a POST; one row and nobody's of a call, whose words are the same for every role.

        The schema is the same for everybody.
        """
        if place.route in self.posts or (place.route == "api/schema/" and place.route in self.calls):
            return ()
        *rows, nobodys = place.addresses
        if place.route in self.calls:
            rows = rows[:1]
        return *(rows if all_states() else rows[::3]), nobodys


def get(client: Client, where: str, said: dict[str, str] | None = None) -> Any:
    """The answer; what the database refused does not stop the next one."""
    with transaction.atomic():
        answer = client.get(where, said)
        transaction.set_rollback(True)
    return answer


def faults(day: Day) -> Iterator[str]:
    """What is wrong with the answers; and pages that have things to show, and show none to anybody."""
    shown, known = Counter[str](), Known()
    for role in Role:
        for place, where, answer in answers(role, day.roles[role], known):
            if wrong := broken(answer) or _unexpected(place, where, role, answer.status_code):
                yield f"{where} as {role}: {wrong}"
            shown[place.route] += answer.status_code in (200, 302, 405)
    yield from (
        f"{place.route} is shown to nobody"
        for place in places()
        if all_states() and place.full and not shown[place.route] and not place.route.startswith(NEEDS_MORE)
    )


def _unexpected(place: Place, where: str, role: Role, status: int) -> str:
    """Whoever may do what a page is for is shown it, whoever may not is told so."""
    if place.cans is None or status == 405 or place.route in ASKED_BY_APPS:
        return "" if status in (200, 204, 302, 400, 401, 403, 404, 405) else f"{status} of a call"
    if place.cans and not place.cans & ROLES[role]:
        return "" if status == 403 else f"{status}, though it belongs to another role"
    if str(NO_ID) in where:
        return "" if status in (403, 404) else f"{status} of a thing that is not there"
    if status == 404 and place.route.startswith(MAY_BE_MISSING):
        return ""
    if place.route.endswith(("/correct/", "/retract/")):
        return "" if status in (200, 403, 404, 409) else f"{status} of a report"
    wanted = 302 if place.route in TO_ELSEWHERE else 400 if place.route == "smart/authorize" else 200
    return "" if status == wanted else f"{status} of a page of that role"


def test_an_empty_hospital_answers_everybody(day: Day) -> None:
    assert not (found := list(faults(day))), "\n".join(found)


def test_a_full_day_answers_everybody(day: Day) -> None:
    fill_day(day)
    assert not (found := list(faults(day))), "\n".join(found)
