"""Every report leaves: what was signed is what a receiver reads, judged by python-hl7 behind a real socket."""

from __future__ import annotations

import re
import unicodedata

import hl7
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.queue import encode_message, enqueue_event
from interfaces.hl7.outbound.sender import DestinationSender
from interfaces.hl7.outbound.transliteration import transliterate
from reporting.events import ReportCorrected
from reporting.models import ReportVersion
from ris.kernel.relay import deliver_owed
from tests.factories import NOON
from tests.interfaces.hl7.emr import destination, emr
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db(transaction=True)

SIGNS = st.sampled_from("|^&~\\\n\r\t\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028\u2029 éß–…µ≥→β漢שלوم🫁👩‍⚕️\u202e")
PARAGRAPHS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
        st.text(SIGNS, max_size=40),
        st.sampled_from(
            ["No bleed. " * 400, "漢" * 5000, "\\", "\\.br\\", "|" * 300, "MSH|^~\\&|", "\r\n\r\n", "A&B" * 90]
        ),
    ),
    min_size=1,
    max_size=6,
).map("".join)


def read_lines(raw: bytes, code: str = "19005-8") -> list[str]:
    """OBX-5 of a section, read by python-hl7."""
    message = hl7.parse(raw.decode())
    observations = [obx for obx in message.segments("OBX") if str(obx[3][0][0]) == code]
    return [message.unescape(read_one_text(obx[5])) for obx in observations]


def read_one_text(field: hl7.Field) -> str:
    """OBX-5 as a receiver takes it: one repetition without components. ``str(field)`` would join what was split."""
    assert [type(repetition) for repetition in field] in ([str], []), "A separator of the text was sent unescaped."
    return str(field)


def lines_of(text: str) -> list[str]:
    """The lines that were signed; a blank line is sent as a blank."""
    return [line or " " for line in re.split(r"\r\n|\r|\n", text.strip())]


@pytest.fixture
def line():
    """A signed report, a receiver on a socket, and what brings a text from one to the other."""
    with emr() as (system, port):
        to = destination(port, timeout=20)
        version = signed(make_reader(), placer_number="P1", placer_authority="EMR")
        deliver_owed(at=NOON)
        sender = DestinationSender(to.pk)
        sender.drain()

        def send(text: str) -> bytes:
            OutboundMessage.objects.all().delete()
            system.got.clear()
            last = version.report.versions.order_by("number").last()
            corrected = ReportVersion.objects.create(
                report=version.report, number=last.number + 1, kind="corrected", reason="r", impression=text,
                author=version.author, signed_at=NOON, sha256="x",
            )  # fmt: skip
            Destination.objects.update(kinds=["report.corrected"])
            event = ReportCorrected(
                stream="A1", at=NOON, report_id=version.report_id, version_id=corrected.pk,
                procedure_id=version.report.procedure_id, order_id=version.report.procedure.order_id,
            )  # fmt: skip
            enqueue_event(event, [Destination.objects.get()])
            assert sender.drain() == 1, OutboundMessage.objects.get().error
            return system.got[0]

        yield send
        sender.close()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(text=PARAGRAPHS.filter(lambda text: text.strip()))
def test_every_paragraph_comes_out_as_it_was_signed(line, text):
    assert read_lines(line(text)) == lines_of(text)


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "wörd | & ^ ~ \\ " * 14_000, "a\n" * 9_000 + "b"], ids=["one", "signs", "lines"]
)
def test_no_length_holds_a_report(line, text):
    assert read_lines(line(text)) == lines_of(text)


def test_what_looks_like_a_segment_stays_text(line):
    text = "Normal.\rOBX|9|ED|18748-4^X^LN|9|^application^pdf^Base64\rZZZ|1"
    raw = line(text)
    assert read_lines(raw) == text.split("\r")
    assert [str(segment[0]) for segment in hl7.parse(raw.decode())][-2:] == ["OBX", "OBX"]


@pytest.mark.parametrize(
    ("text", "latin", "ascii_"),
    [
        ("5–10 mm … “so”", '5-10 mm ... "so"', '5-10 mm ... "so"'),
        ("20 µm, 3 μg/ml", "20 µm, 3 µg/ml", "20 um, 3 ug/ml"),
        ("≥ 5 → β-blocker, Δ 2", ">= 5 -> beta-blocker, Delta 2", ">= 5 -> beta-blocker, Delta 2"),
        ("ZZTEST^Щукин Юлия", "ZZTEST^Shchukin Iuliia", "ZZTEST^Shchukin Iuliia"),
        ("ΖΖΤΕΣΤ^Μαρία", "ZZTEST^Maria", "ZZTEST^Maria"),
        ("Größe, Çelik, Łódź", "Größe, Çelik, Lódz", "Groesse, Celik, Lodz"),
        ("u\u0308ber", "über", "ueber"),
        ("a\u2028b\u200bc\u202ed", "a bcd", "a bcd"),
        ("①½ ﬁne Ⅳ", "1½ fine IV", "11/2 fine IV"),
    ],
)
def test_signs_that_a_character_set_lacks_are_written_in_signs_that_it_has(text, latin, ascii_):
    assert transliterate(text, "latin-1") == (latin, [])
    assert transliterate(text, "ascii") == (ascii_, [])


def test_a_question_mark_is_the_last_resort_and_the_message_is_flagged():
    to = Destination(charset="8859/1")
    raw, warnings = encode_message("MSH|\rPID|||||漢字\rOBX|1|TX|||lung 🫁\r", to)
    assert raw == b"MSH|\rPID|||||??\rOBX|1|TX|||lung ?\r"
    assert warnings == ["3 characters are not in 8859/1; written as ? in OBX, PID."]


def test_a_sign_that_turns_into_a_delimiter_is_escaped():
    assert transliterate("a＆b｜c", "latin-1") == ("a\\T\\b\\F\\c", [])


@given(st.text(max_size=200))
def test_what_is_transliterated_fits_and_never_adds_a_delimiter(text):
    text = text.encode("utf-8", "ignore").decode()
    for codec in ("ascii", "latin-1", "cp1252", "iso8859-5"):
        written, lost = transliterate(text, codec)
        assert written.encode(codec).decode(codec) == written
        plain = unicodedata.normalize("NFC", text)
        assert all(written.count(sign) <= plain.count(sign) for sign in "|^~&\r")
        assert len(lost) <= written.count("?")


def test_where_receivers_want_it_what_a_character_set_lacks_comes_as_escapes():
    to = Destination(charset="ASCII", options={"unencodable": "escape"})
    assert encode_message("OBX|é", to) == (b"OBX|\\XC3A9\\", [])
