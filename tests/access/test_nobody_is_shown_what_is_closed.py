"""For random policies, people and patients: no answer of any address tells of a patient who is closed to the viewer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from random import Random, SystemRandom
from typing import Any
from unittest.mock import patch

import pytest
from django.db import transaction
from django.test import Client

from ris.access import visibility
from ris.kernel.clock import now
from ris.people.models import User
from ris.people.roles import Can, Role
from ris.people.selectors import permissions_of
from tests.access.world import Closed, closed_to, random_day, tie_at_random
from tests.pages.demo_day import Day
from tests.pages.every_address import Place, client_of, places
from worklist.models import ReadingItem
from worklist.selectors import counts
from worklist.states import OPEN

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# One viewer of one day, drawn anew each time; the message of a failure has the seed.
SEED = int(os.environ.get("WETREAD_SEED", 0)) or SystemRandom().randrange(1, 10_000)
VIEWERS = int(os.environ.get("WETREAD_VIEWERS", 1))
SEARCHES: tuple[tuple[str, str, str], ...] = (
    ("/orders/", "text", ""), ("/orders/find/matches/", "text", ""), ("/go-to/", "q", ""),
    ("/api/patients/search/", "text", "application/json"),
)  # fmt: skip


WITH_ALARMS = ("/alarms/", "/coordinator/")
"""Pages with alarms, which name accession numbers so that somebody can act (docs/security.md says so)."""


def tells(body: bytes, closed: Closed, asked: str = "") -> list[str]:
    """The words and ids of closed patients in a body; what the request itself named tells nothing."""
    text = body.decode("utf-8", "replace")
    found = set(re.findall(r"[A-Za-z0-9]+", text))
    said = set(re.findall(r"[A-Za-z0-9]+", asked))
    accessions = set() if asked in WITH_ALARMS else closed.accessions
    words = {word for word in closed.words | accessions if word in text and word not in said}
    return sorted(words | (closed.ids & found) - said)


def leaks(viewer: User, closed: Closed, where_to: list[Place], dice: Random) -> Iterator[str]:
    """What the viewer is told of closed patients, by address."""
    client = client_of(viewer)
    for place in where_to:
        for where in _chosen(place.addresses, closed, dice):
            status, body = _ask(client, "get", where)
            if status == 200 and set(where.strip("/").split("/")) & closed.ids:
                yield f"GET {where} answers"
            if found := tells(body, closed, where):
                yield f"GET {where} ({status}) tells {found[:4]}"
    for where, name, kind in SEARCHES:
        status, body = _ask(client, "post", where, {name: "ZZCANARY"}, **({"content_type": kind} if kind else {}))
        if found := tells(body, closed):
            yield f"POST {where} ({status}) tells {found[:4]}"


def _chosen(addresses: tuple[str, ...], closed: Closed, dice: Random) -> list[str]:
    """One address of a closed row, and one other, of each route."""
    of_closed = [where for where in addresses if set(where.split("/")) & closed.ids]
    return sorted({dice.choice(addresses), *([dice.choice(of_closed)] if of_closed else ())})


def _ask(client: Client, method: str, where: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
    with transaction.atomic():
        answer = getattr(client, method)(where, *args, **kwargs)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    return answer.status_code, body


def chosen_viewers(day: Day, dice: Random) -> list[User]:
    roles = [role for role in Role if role not in (Role.CONFIDENTIAL, Role.PRIVACY_OFFICER)]
    return dice.sample([*(day.roles[role] for role in roles), day.readers["on"]], VIEWERS)


def prove_that_it_can_be_found_out(day: Day) -> None:
    """With the rule taken away a list tells what it told nobody before."""
    viewer = day.roles[Role.SCHEDULER]
    closed, client = closed_to(viewer, day.site.pk), client_of(viewer)
    assert not tells(_ask(client, "get", "/orders/")[1], closed)
    with patch.object(visibility, "not_confidential", lambda rows, viewer, **_: rows):
        assert tells(_ask(client, "get", "/orders/")[1], closed)


def test_no_answer_tells_of_a_patient_who_is_closed() -> None:
    dice = Random(SEED)
    day = random_day(dice)
    prove_that_it_can_be_found_out(day)
    found: list[str] = []
    where_to = places()
    for viewer in chosen_viewers(day, dice):
        tie_at_random(viewer, dice)
        viewer = User.objects.get(pk=viewer.pk)
        closed = closed_to(viewer, day.site.pk)
        found += [f"{viewer}: {leak}" for leak in leaks(viewer, closed, where_to, dice)]
        open_items = ReadingItem.objects.filter(site=day.site, state__in=OPEN)
        shown = open_items.exclude(procedure__order__patient__in=closed.patients).count()
        expected = shown if Can.SEE_WORKLIST in permissions_of(viewer) else 0
        assert counts(viewer, at=now())["all"]["items"] == expected, f"{viewer} counts others, seed {SEED}"
    assert not found, f"WETREAD_SEED={SEED}\n" + "\n".join(found)
