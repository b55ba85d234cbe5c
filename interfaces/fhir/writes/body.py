"""A resource from outside: elements are read with their FHIRPath, so that a refusal names the one that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn
from urllib.parse import unquote

from ris.kernel.errors import Invalid
from ris.kernel.values import day_or_none, id_or_none, read_moment
from ris.orders.intents import Code
from ris.patients.models import AssigningAuthority

from ..datatypes import IDENTIFIER_TYPE, NPI, SYSTEM_OF_CODES, URN

LONGEST = 4000
"""Characters of a text that is read."""
SYSTEM_NAMES = {uri: name for name, uri in reversed(SYSTEM_OF_CODES.items())}
"""URI of a code system → the first of its names in HL7 v2, which the catalog uses."""


@dataclass(frozen=True)
class Element:
    """An element and where it stands, such as ``ServiceRequest.code.coding[0]``."""

    value: Any
    path: str

    def refuse(self, cure: str) -> NoReturn:
        """Raise Invalid at this element."""
        raise Invalid(cure, at=self.path)

    def __bool__(self) -> bool:
        return self.value is not None

    def get(self, name: str) -> Element:
        """The element ``name`` of this object; one without a value where it is absent."""
        if self.value is not None and not isinstance(self.value, dict):
            self.refuse("An object is wanted here.")
        return Element((self.value or {}).get(name), f"{self.path}.{name}")

    def each(self, name: str) -> Iterator[Element]:
        """The items of the list ``name``."""
        found = self.get(name)
        if found.value is not None and not isinstance(found.value, list):
            found.refuse("A list is wanted here.")
        for number, item in enumerate(found.value or ()):
            yield Element(item, f"{found.path}[{number}]")

    def text(self, *, most: int = LONGEST) -> str:
        """A text without blanks around it; empty where it is absent."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            self.refuse("A text is wanted here.")
        if "\x00" in self.value or any("\ud800" <= sign <= "\udfff" for sign in self.value):
            self.refuse("NUL characters and halves of surrogate pairs are not allowed. Take them out.")
        if len(self.value) > most:
            self.refuse(f"At most {most} characters. Shorten it.")
        return str(self.value).strip()

    def required(self, cure: str) -> Element:
        """This element. Raises Invalid with ``cure`` where it is absent."""
        if self.value in (None, "", [], {}):
            self.refuse(cure)
        return self

    def moment(self) -> datetime | None:
        """A dateTime with its zone; None where it is absent."""
        text = self.text()
        if not text:
            return None
        if "T" in text and not (text.endswith("Z") or text[-6:-5] in ("+", "-")):
            self.refuse("A time needs its zone, such as 2026-03-10T14:30:00+01:00.")
        return read_moment(text if "T" in text else f"{text}T00:00:00Z", at=self.path)

    def day(self) -> date | None:
        """A date; None where it is absent."""
        text = self.text()
        found = day_or_none(text) if text else None
        if text and found is None:
            self.refuse("A date is wanted, such as 1945-07-14.")
        return found

    def reference(self, *kinds: str) -> int | None:
        """The id of a reference to one of these types; None where it is absent or names no id."""
        text = self.get("reference").text()
        if not text:
            return None
        *_, kind, last = ("", *text.split("/_history/")[0].split("/"))
        pk = id_or_none(last)
        if kind not in kinds or pk is None:
            self.get("reference").refuse(f"A reference such as {kinds[0]}/12 is wanted here.")
        return pk

    def codings(self) -> list[Code]:
        """The codings of a CodeableConcept, systems by their names in HL7 v2."""
        text = self.get("text").text()
        found = []
        for one in self.each("coding"):
            code = one.get("code").text(most=64)
            if code:
                found.append(
                    Code(code, one.get("display").text(most=200) or text, code_system_name(one.get("system").text()))
                )
        return found

    def words(self) -> str:
        """What a CodeableConcept says to people."""
        displays = (one.get("display").text() for one in self.each("coding"))
        return self.get("text").text() or next(filter(None, displays), "")


def code_system_name(uri: str) -> str:
    """The name in HL7 v2 of a code system; ``L`` for the house's own codes, and where no system is said."""
    if uri in SYSTEM_NAMES:
        return SYSTEM_NAMES[uri]
    return unquote(uri.removeprefix(f"{URN}codes").removeprefix(":")) or "L"


def authority_name(uri: str) -> str:
    """The assigning authority of an identifier's system: that of our URI or of an OID, else the text itself."""
    if uri == NPI:
        return "NPI"
    if uri.startswith("urn:oid:"):
        oid = uri.removeprefix("urn:oid:")
        known = AssigningAuthority.objects.filter(universal_id=oid).values_list("name", flat=True).first()
        return known or oid
    return unquote(uri.removeprefix(f"{URN}authority:"))


def identifier_kind(identifier: Element) -> str:
    """The code of table 0203 that an Identifier has; empty where it has none."""
    for one in identifier.get("type").each("coding"):
        if one.get("system").text() in ("", IDENTIFIER_TYPE):
            return one.get("code").text(most=8)
    return ""


def read_resource(body: Any, kind: str, path: str = "") -> Element:
    """A resource of a type. Raises Invalid for another one."""
    resource = Element(body, path or kind)
    if not isinstance(body, dict) or body.get("resourceType") != kind:
        raise Invalid(f"A {kind} is wanted in the body.", at=f"{resource.path}.resourceType")
    return resource
