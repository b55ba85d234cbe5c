"""FHIR R4 data types as plain dicts: references, codings, identifiers, names, moments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

URN = "urn:x-wetread:"
"""Prefix of the systems that only this house has: procedure codes, accession numbers, authorities without an OID."""
ACCESSION = f"{URN}accession"
FILLER = f"{URN}filler-number"
PLACER = f"{URN}placer-number"
DICOM_UID = "urn:dicom:uid"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
NPI = "http://hl7.org/fhir/sid/us-npi"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
IDENTIFIER_TYPE = f"{TERMINOLOGY}v2-0203"
SYSTEM_OF_CODES = {
    "LN": LOINC, "LOINC": LOINC, "SCT": SNOMED, "SNM": "urn:oid:2.16.840.1.113883.6.5", "C4": "http://www.ama-assn.org/go/cpt",
    "CPT": "http://www.ama-assn.org/go/cpt", "I10": "http://hl7.org/fhir/sid/icd-10", "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD10": "http://hl7.org/fhir/sid/icd-10", "DCM": DCM, "RADLEX": "http://radlex.org", "RPID": "http://radlex.org",
}  # fmt: skip
"""HL7 table 0396 → URI of the code system, where FHIR names one."""


def prune(value: Any) -> Any:
    """The value without what is empty (None, "", [], {}): FHIR's JSON has no empty elements. Numbers and False stay."""
    if isinstance(value, dict):
        members = ((name, prune(inner)) for name, inner in value.items())
        return {name: inner for name, inner in members if not _is_empty(inner)}
    if isinstance(value, list | tuple):
        return [inner for inner in map(prune, value) if not _is_empty(inner)]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def reference(resource_type: str, pk: int | None, display: str = "") -> Json | None:
    """A relative reference; None without an id, unless there is a name to show."""
    if pk is None:
        return {"display": display} if display else None
    return {"reference": f"{resource_type}/{pk}", "display": display}


def coding(system: str, code: str, display: str = "") -> Json | None:
    """A Coding; None without a code."""
    return {"system": system, "code": code, "display": display} if code else None


def concept(*codings: Json | None, text: str = "") -> Json:
    """A CodeableConcept of the codings that are there."""
    return {"coding": [one for one in codings if one], "text": text}


def code_system(name: str) -> str:
    """The URI of a coding system that HL7 v2 names; one under :data:`URN` for a local name."""
    return SYSTEM_OF_CODES.get(name.upper()) or (f"{URN}codes:{quote(name)}" if name else f"{URN}codes")


def identifier(system: str, value: str, kind: str = "", use: str = "") -> Json | None:
    """An Identifier; ``kind`` is a code of HL7 table 0203, such as ACSN. None without a value."""
    if not value:
        return None
    type_ = concept(coding(IDENTIFIER_TYPE, kind)) if kind else None
    return {"use": use, "type": type_, "system": system, "value": value}


def authority_system(name: str, universal_ids: Mapping[str, str]) -> str:
    """The URI of an assigning authority: its OID where it has one (``universal_ids``: name → URI)."""
    return universal_ids.get(name) or f"{URN}authority:{quote(name, safe='')}"


def person_name(text: str) -> str:
    """``FAMILY^GIVEN`` as it is shown to people: ``Given FAMILY``."""
    family, _, given = text.partition("^")
    return " ".join(filter(None, [given.replace("^", " ").strip(), family.strip()]))


def instant(at: datetime | None) -> str | None:
    """A moment with its zone, as R4 wants it: UTC, whole milliseconds at most."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds" if at.microsecond else "seconds").replace("+00:00", "Z")


def uid_identifier(uid: str) -> Json | None:
    """A DICOM UID as an Identifier: system ``urn:dicom:uid``, value ``urn:oid:…`` (R4 ImagingStudy.identifier)."""
    return identifier(DICOM_UID, f"urn:oid:{uid}" if uid else "")


def strip_uid(value: str) -> str:
    """A UID as DICOM writes it, whether or not it came as ``urn:oid:…``."""
    return value.removeprefix("urn:oid:")
