"""Every language in ``locale/`` says everything: no message is missing, doubted, left over or without its values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from ris.kernel.language.po import PO, Entry, compiled, read_po, write_po
from ris.kernel.language.segments import mark
from ris.operations.words import words

pytestmark = pytest.mark.once
CATALOGUES = sorted((settings.BASE_DIR / "locale").glob(PO))
PLACE = re.compile(r"\{\w+\}|</?\w+>")


def test_german_is_among_the_languages() -> None:
    assert [code for code, _ in settings.LANGUAGES] == ["en", *(path.parts[-3] for path in CATALOGUES)]
    assert "de" in dict(settings.LANGUAGES)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.parts[-3]))
def test_a_catalogue_translates_exactly_what_the_sources_say(path: Path) -> None:
    wanted, entries = words(), read_po(path)
    assert len(wanted) > 2500, "the words of all rooms are found"
    missing = wanted.keys() - {entry.key for entry in entries if entry.is_translated}
    assert not missing, f"write them with `python -m ris.operations.words`, then translate: {sorted(missing)[:20]}"
    left_over = {entry.key for entry in entries} - wanted.keys()
    assert not left_over, f"`python -m ris.operations.words` takes them out: {sorted(left_over)[:20]}"
    assert "#~" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.parts[-3]))
def test_a_translation_has_the_values_and_elements_of_its_english(path: Path) -> None:
    for entry in read_po(path):
        for english, text in zip([entry.id, entry.plural or entry.id], entry.texts, strict=False):
            assert set(PLACE.findall(text)) == set(PLACE.findall(english)), entry


def test_what_is_doubted_or_half_translated_counts_as_missing() -> None:
    assert Entry("Lock", texts=["Sperren"]).is_translated
    assert not Entry("Lock", texts=["Sperren"], flags=["fuzzy"]).is_translated
    assert not Entry("{n} try", plural="{n} tries", texts=["{n} Versuch", ""]).is_translated


def test_a_catalogue_survives_being_read_and_written(tmp_path: Path) -> None:
    said = Entry('Say “"{a}"”\\.\nTwo', plural="more", context="said", texts=["Ä\t", "Ö", "Ü"], places=["x.py"])
    said.flags = ["python-brace-format"]
    path = tmp_path / "pl/LC_MESSAGES/django.po"
    write_po(path, [said])
    assert read_po(path) == [said]
    before = path.read_bytes()
    write_po(path, read_po(path))
    assert path.read_bytes() == before, "who writes it again changes nothing"
    assert b"nplurals=3" in before, "Polish has its own plural forms"
    assert [path.name for path in compiled(tmp_path, tmp_path / "made").rglob("*.mo")] == ["django.mo"]


@pytest.mark.parametrize(
    ("source", "marked"),
    [
        ("<h1>Orders</h1>", "<h1>[Orders]</h1>"),
        ("<p>Keys are in your <a href=\"{% url 'x' %}\">profile</a>.</p>",
         "<p>[Keys are in your <a href=\"{% url 'x' %}\">profile</a>.]</p>"),
        ("<li><a>One</a> <a>Two</a></li>", "<li><a>[One]</a> <a>[Two]</a></li>"),
        ('<button title="Fold ({{ "x"|keycap }})">{% icon "x" %}Fold <kbd>F</kbd></button>',
         '<button title="[Fold ({{ "x"|keycap }})]">{% icon "x" %}[Fold] <kbd>F</kbd></button>'),
        ("{% if a %}Yes{% else %}No{% endif %}", "{% if a %}[Yes]{% else %}[No]{% endif %}"),
        ('{{ who|default:"Nobody" }}', '{{ who|default:_("Nobody") }}'),
        ("<p>{{ a }} · {{ b }}, {{ c }}</p><script>let word</script>",) * 2,
        ("{{ item.get_sex_display }}", "{{ item.get_sex_display|say }}"),
        ("{% block rail %}folded{% endblock %}",) * 2,
    ],
)  # fmt: skip
def test_the_words_of_a_template_are_found(source: str, marked: str) -> None:
    assert mark(source).replace("{% text %}", "[").replace("{% endtext %}", "]") == marked
