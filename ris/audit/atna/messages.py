"""One audit event as a DICOM audit message (PS3.15 A.5.1, XML) in a syslog message (RFC 5424)."""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC
from typing import NamedTuple
from xml.etree import ElementTree as Xml

from ..models import AuditEvent

PRIORITY = 10 * 8 + 5
"""Facility security/authorization, severity notice (RFC 5424, 6.2.1)."""
MESSAGE_ID = "DICOM+RFC3881"
"""MSGID of DICOM audit messages (PS3.15 A.6)."""


class Code(NamedTuple):
    """A coded value: code, coding scheme, text."""

    value: str
    scheme: str
    text: str


def _dcm(value: str, text: str) -> Code:
    return Code(value, "DCM", text)


LOG_USED = _dcm("110101", "Audit Log Used")
APPLICATION = _dcm("110100", "Application Activity")
EXPORT = _dcm("110106", "Export")
ORDER = _dcm("110109", "Order Record")
PATIENT = _dcm("110110", "Patient Record")
PROCEDURE = _dcm("110111", "Procedure Record")
QUERY = _dcm("110112", "Query")
ALERT = _dcm("110113", "Security Alert")
AUTHENTICATION = _dcm("110114", "User Authentication")

# CID 400 has no event for reports; they are part of the patient's record.
_BY_START = (
    ("audit.", LOG_USED), ("people.log", AUTHENTICATION), ("people.", ALERT), ("set-up.", ALERT), ("orders.", ORDER),
    ("order.", ORDER), ("procedure.", PROCEDURE), ("step.", PROCEDURE), ("exam.", PROCEDURE), ("item.", PROCEDURE),
    ("study.", PROCEDURE), ("images.", PROCEDURE), ("worklist.", QUERY), ("system.", APPLICATION),
)  # fmt: skip
"""Begin of an action → EventID (PS3.16 CID 400); all others are the patient's record."""
_BY_END = ((".search", QUERY), (".export", EXPORT), (".pdf", EXPORT))
_TYPES = {
    "people.login": _dcm("110122", "Login"),
    "people.login-failed": _dcm("110122", "Login"),
    "people.logout": _dcm("110123", "Logout"),
    "people.grant": _dcm("110136", "Security Roles Changed"),
    "people.withdraw": _dcm("110136", "Security Roles Changed"),
}
"""Action → EventTypeCode (PS3.16 CID 401)."""
_READ, _CREATED, _DELETED = (
    (".view", ".explain", ".priors", ".pdf"),
    (".create", ".place", ".add", ".draft"),
    (".remove",),
)


def frame(event: AuditEvent, *, host: str, source_id: str, numbers: list[str]) -> bytes:
    """The event as it goes over TLS: octet count, space, message (RFC 5425, 4.3).

    ``host``: ours; ``source_id``: this system's name; ``numbers``: the patient's, as CX. Line feeds are escaped in XML.
    """
    moment = event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    head = f"<{PRIORITY}>1 {moment} {host} wetread {event.pk} {MESSAGE_ID} - "
    # RFC 5424, 6.4: the byte order mark says that the message is UTF-8.
    message = head.encode("ascii", "replace") + b"\xef\xbb\xbf" + audit_message(event, source_id, numbers)
    return b"%d %s" % (len(message), message)


def audit_message(event: AuditEvent, source_id: str, numbers: list[str]) -> bytes:
    """The XML of one event, UTF-8, on one line."""
    root = Xml.Element("AuditMessage")
    identification = Xml.SubElement(
        root, "EventIdentification", EventActionCode=_action_code(event.action),
        EventDateTime=event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        EventOutcomeIndicator="4" if event.action.endswith("-failed") else "0",
    )  # fmt: skip
    _code(identification, "EventID", _event_id(event.action))
    _code(identification, "EventTypeCode", _TYPES.get(event.action, Code(event.action, "wetread", event.action)))
    if event.purpose:
        _code(identification, "PurposeOfUse", Code(event.purpose, "2.16.840.1.113883.1.11.20448", event.purpose))
    _participant(root, event.actor, requestor=True, source=event.source)
    if event.acting_for:
        _participant(root, event.acting_for.get_username(), requestor=False, source="")
    where = Xml.SubElement(root, "AuditSourceIdentification", AuditSourceID=source_id)
    Xml.SubElement(where, "AuditSourceTypeCode", {"csd-code": "4"})  # application server
    for number in numbers:
        _object(root, number, kind="1", role="1", id_type=Code("2", "RFC-3881", "Patient Number"))
    subject = _object(root, f"urn:wetread:{event.subject}:{event.subject_id}", kind="2", role="3",
                      id_type=Code("12", "RFC-3881", "URI"))  # fmt: skip
    if event.reason:
        value = base64.b64encode(event.reason.encode()).decode()
        Xml.SubElement(subject, "ParticipantObjectDetail", type="reason", value=value)
    message: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=False)
    return message


def _event_id(action: str) -> Code:
    by_end = (code for end, code in _BY_END if action.endswith(end))
    by_start = (code for start, code in _BY_START if action.startswith(start))
    return next(by_end, None) or next(by_start, PATIENT)


def _action_code(action: str) -> str:
    """Create, read, update, delete, or execute (RFC 3881, 5.1.2)."""
    if action.startswith("people.log") or _event_id(action) == QUERY:
        return "E"
    ends = ((_READ, "R"), (_CREATED, "C"), (_DELETED, "D"))
    return next((code for end, code in ends if action.endswith(end)), "U")


def _code(parent: Xml.Element, name: str, code: Code) -> None:
    attributes = {"csd-code": code.value, "codeSystemName": code.scheme, "originalText": code.text}
    Xml.SubElement(parent, name, attributes)


def _participant(root: Xml.Element, user: str, *, requestor: bool, source: str) -> None:
    attributes = {"UserID": user, "UserIsRequestor": "true" if requestor else "false"}
    if source:
        attributes |= {"NetworkAccessPointID": source, "NetworkAccessPointTypeCode": "2" if _is_ip(source) else "1"}
    Xml.SubElement(root, "ActiveParticipant", attributes)


def _object(root: Xml.Element, identifier: str, *, kind: str, role: str, id_type: Code) -> Xml.Element:
    about = Xml.SubElement(
        root, "ParticipantObjectIdentification", ParticipantObjectID=identifier,
        ParticipantObjectTypeCode=kind, ParticipantObjectTypeCodeRole=role,
    )  # fmt: skip
    _code(about, "ParticipantObjectIDTypeCode", id_type)
    return about


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
