# ruff: noqa: E501  (a file as it comes)
"""MRRT files: read whatever they are like, written so that they are valid, and the same after both."""

from __future__ import annotations

import pytest

from reporting.writing.mrrt.reading import read_mrrt
from reporting.writing.mrrt.writing import check_mrrt, write_mrrt
from ris.kernel.errors import Invalid

pytestmark = pytest.mark.once

ROUGH = b"""<!DOCTYPE html>
<html><head><title>CT Liver</title>
<meta name="dcterms.identifier" content="http://example.org/template/1"/>
<meta name="dcterms.creator" content="Test A"/><meta name="dcterms.creator" content="Test B"/>
<script type="text/xml"><!-- <template_attributes><coded_content>
<coding_schemes><coding_scheme name="RADLEX" designator="2.16.840.1.113883.6.256"/></coding_schemes>
<entry origtxt="liver"><term><code meaning="liver" value="RID58" scheme="RADLEX"></term></entry>
</coded_content><term type="modality"><code meaning="CT" value="RID10321" scheme="RADLEX"></term></template_attributes> --></script>
<script>alert("x")</script>
</head><body onload="steal()">
<section data-section-name="Clinical Information"><header class="level1">Clinical Information</header>
<p><label for="why">Indication:</label> <input type="text" id="why" data-field-type="TEXT" value=""/></p></section>
<section data-section-name="Findings"><header class="level1">Findings</header>
<p><label for="liver">Liver</label>: <select id="liver" data-field-type="SELECTION_LIST"><option>enlarged
<option selected>normal</select>.</p>
<p><label for="size">Size</label>: <input type="number" id="size" min="1" max="40" data-field-units="cm" data-field-type="NUMERIC"> cm</p>
<section data-section-name="Spleen"><header>Spleen</header><textarea id="spleen" title="Spleen">Normal [sic] | size</textarea></section>
</section>
<section data-section-name="Impression"><p><div><input id="i" title="Impression" value="No &lt;b&gt; focal lesion."></p></section>
</body></html>"""


def test_a_rough_file_is_read_with_its_fields_and_each_repair_has_a_line() -> None:
    read = read_mrrt(ROUGH)
    assert read.sections == {
        "technique": "Clinical Information: Indication: [Indication]",
        "comparison": "",
        "findings": "Liver: [Liver=normal|enlarged].\nSize: [Size] cm\nSpleen:\n[Spleen=Normal (sic) / size]",
        "impression": "[Impression=No <b> focal lesion.]",
    }
    assert read.fields["Size"] == {"type": "NUMERIC", "min": "1", "max": "40", "unit": "cm"}
    assert read.attributes["creator"] == "Test A; Test B"
    assert read.attributes["terms"] == [["modality", "RADLEX", "RID10321", "CT"]]
    assert read.attributes["codes"] == {"liver": ["RADLEX", "RID58", "liver"]}
    said = {what: line for line, what in read.repairs}
    assert said["A script was taken out."] == 9
    assert said["The script in the attribute onload was taken out."] == 10
    for what in ("ORIGTXT was written in lower case.", "A <code> was not closed.", "The character set was not named.",
                 "The coding schemes stood inside the coded content.", "A field had no data-field-type."):  # fmt: skip
        assert what in said
    assert "alert" not in str(read) and "steal" not in str(read)


def test_what_is_written_is_valid_and_reads_the_same() -> None:
    read = read_mrrt(ROUGH)
    text = write_mrrt("1.2.3", read.title, "en", read.sections, read.fields, read.attributes)
    assert check_mrrt(text) == []
    again = read_mrrt(text.encode())
    assert (again.identifier, again.title, again.repairs) == ("1.2.3", "CT Liver", [])
    assert again.sections == read.sections
    assert again.fields["Size"] == read.fields["Size"] | {"action": "NONE"}


@pytest.mark.parametrize(
    "content,at,why",
    [
        (b"", "line 1", "no title"),
        (b"<html><body>text</body></html>", "line 1", "no title"),
        (b"<html><head><title>T</title></head>\n<body><section></section></body></html>", "line 2", "neither text nor"),
        (b"x" * 1_000_001, "line 1", "at most"),
    ],
)
def test_what_is_no_template_is_refused_by_line_and_reason(content: bytes, at: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        read_mrrt(content)
    assert refused.value.at == at


@pytest.mark.parametrize(
    "before,after,wrong",
    [
        ('<meta charset="UTF-8"/>', "", "charset"),
        ("IMAGE_REPORT_TEMPLATE", "TEMPLATE", "dcterms.type"),
        ('ORIGTXT="findings"', 'ORIGTXT="nothing"', "no such element"),
        ("</section>", "", "not well-formed"),
        ('data-section-name="Findings"', "", "without data-section-name"),
        ("<status>ACTIVE</status>", "", "status"),
        ("<!DOCTYPE html>", "<!DOCTYPE html [<!ENTITY x 'y'>]>", "entities"),
    ],
)
def test_the_check_finds_what_is_wrong(before: str, after: str, wrong: str) -> None:
    text = write_mrrt("1.2.3", "T", "en", {"findings": "Liver [size]."}, {}, {})
    assert check_mrrt(text) == []
    assert wrong in " ".join(check_mrrt(text.replace(before, after, 1)))
