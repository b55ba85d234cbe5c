"""The language of the screens: whose it is, what stays English, and that no page has a word without a translation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.translation import override

from ris.kernel.clock import now
from ris.kernel.language import catalogue
from ris.kernel.language.po import compiled, read_po, write_po
from ris.people.models import User
from ris.people.roles import Role
from tests.pages.demo_day import begin_day, fill_day
from tests.pages.every_address import client_of as at_home
from tests.pages.every_address import places
from worklist.models import ReadingItem

from .conftest import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_a_person_reads_german_once_it_is_chosen_whatever_the_browser_asks(
    radiologist: User, item: ReadingItem
) -> None:
    client = client_of(radiologist, accept_language="en")
    said = client.post(
        reverse("people:profile"), {"theme": "dark", "time_zone": "Europe/Berlin", "language": "de"}, follow=True
    )
    assert "Gespeichert." in said.content.decode()
    page = client.get(reverse("worklist:list")).content.decode()
    assert '<html lang="de"' in page and "<h1>Befundungsliste</h1>" in page and "Nächster Fall" in page
    room = client.get(reverse("reporting:room", args=[item.pk])).content.decode()
    assert "Noch befundet niemand diesen Fall." in room and "Übernehmen und befunden" in room


def test_the_browser_decides_for_who_has_chosen_none_and_english_is_the_default(client: Client) -> None:
    assert "Benutzername" in client.get("/login/", headers={"accept-language": "de-AT,en;q=0.5"}).content.decode()
    for asked in ("fr", ""):
        assert "User name" in client.get("/login/", headers={"accept-language": asked}).content.decode()


def test_an_unknown_language_is_refused(radiologist: User) -> None:
    said = client_of(radiologist).post(reverse("people:profile"), {"language": "xx"})
    assert said.status_code == 400 and "There is no such language." in said.content.decode()


def test_refusals_are_german_on_pages_and_english_for_programs(radiologist: User, item: ReadingItem) -> None:
    User.objects.filter(pk=radiologist.pk).update(language="de")
    client = client_of(radiologist)
    park = client.post(reverse("worklist:take-over", args=[item.pk]), {"reason": ""}, headers={"hx-request": "true"})
    assert json.loads(park["HX-Trigger"])["toast"]["text"] == "Sagen Sie, warum Sie diesen Fall übernehmen."
    missing = client.get(reverse("reporting:room", args=[7_777_777])).content.decode()
    assert "Hier ist nichts" in missing and "Diesen Fall gibt es nicht." in missing
    call = client.get("/api/reading-items/7777777/", headers={"accept-language": "de"})
    assert call.status_code == 404 and "gibt es" not in call.content.decode()


def test_a_sentence_with_values_is_found_by_the_words_around_them() -> None:
    with override("de"):
        assert catalogue.say("You act for Dr. {x} Zztest.") == "Sie handeln für Dr. {x} Zztest."
        assert catalogue.say("You are away.") == "Sie sind away."
        assert catalogue.say("You act for Reader.") == "Sie handeln für Reader.", "a name that is a word stays a name"
        assert catalogue.say("What somebody typed stays.") == "What somebody typed stays."
    assert catalogue.say("You act for Rada.") == "You act for Rada."


LETTERS = re.compile(r"[A-Za-z]{2}")


@pytest.fixture
def pseudo(tmp_path: Path) -> Iterator[set[str]]:
    """A third language, made of a ``.po`` file alone, that puts every message into ⟦ ⟧; yields the English messages."""
    entries = read_po(settings.BASE_DIR / "locale/de/LC_MESSAGES/django.po")
    for entry in entries:
        entry.texts = [f"⟦{text}⟧" for text in ([entry.id, entry.plural] if entry.plural else [entry.id])]
    write_po(tmp_path / "locale/eo/LC_MESSAGES/django.po", entries)
    languages = [*settings.LANGUAGES, ("eo", "Esperanto")]
    paths = [compiled(tmp_path / "locale", tmp_path / "made")]
    with override_settings(LANGUAGES=languages, LOCALE_PATHS=paths):
        catalogue.forget()
        yield {entry.id for entry in entries if LETTERS.search(entry.id) and "{" not in entry.id}
    catalogue.forget()


def texts_of(page: str) -> set[str]:
    """What people read of a page: text, and the attributes that are read aloud or shown."""
    for _ in range(3):  # one message may stand in another's link
        page = re.sub(r"⟦[^⟦⟧]*⟧", "", page)
    page = re.sub(r"<(script|style|pre|code|kbd|textarea)\b.*?</\1>", " ", page, flags=re.DOTALL)
    found = re.findall(r'\s(?:title|aria-label|placeholder|alt|data-ask[\w-]*)="([^"]*)"', page)
    found += re.split(r"<[^>]*>", page)
    return {re.sub(r"\s+", " ", unescape(text)).strip(" .,:;()–·") for text in found}


NOT_OURS = {"Wetread", "AR", "AE", "ACK", "PDF"}
"""The same in every language, or codes of messages."""
OF_THE_DAY = {"Ended", "Findings", "Priors", "Reading", "Sex", "unknown"}
"""What ``demo_day`` calls a shift, a reason, a refusal; the name that HL7 gives a field."""


def test_no_page_of_any_role_shows_a_word_that_a_third_language_translates(pseudo: set[str]) -> None:
    day = begin_day(now())
    fill_day(day)
    bare: dict[str, str] = {}
    User.objects.update(language="eo")
    for role in (Role.LEAD, Role.ADMINISTRATOR, Role.SCHEDULER, Role.REFERRER, Role.PRIVACY_OFFICER, Role.ANALYST):
        client = at_home(User.objects.get(pk=day.roles[role].pk))
        for place in places():
            if place.cans is None or place.route.startswith(("api", "fhir", "dicom", "portal")):
                continue
            answer = client.get(place.addresses[0])
            if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
                for text in texts_of(answer.content.decode()) & pseudo - NOT_OURS - OF_THE_DAY:
                    bare.setdefault(text, place.route)
    assert not bare, list(bare.items())[:60]
