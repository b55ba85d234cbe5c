"""Roles are Django groups; what each role may do is said in this table only.

A role's permission counts at the sites where the user holds ``work_at`` (a
django-guardian object permission on the site). Both are asked for together:
``selectors.sites_for(user, CLAIM)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person works as; the value is the name of the role's group."""

    SCHEDULER = "scheduler"
    TECHNOLOGIST = "technologist"
    RADIOLOGIST = "radiologist"
    RESIDENT = "resident"
    LEAD = "lead"
    ANALYST = "interface analyst"
    ADMINISTRATOR = "administrator"
    PRIVACY_OFFICER = "privacy officer"
    REFERRER = "referrer"
    CONFIDENTIAL = "confidential patients"


class Can(StrEnum):
    """What a person can be allowed to do."""

    SEE_ORDERS = "see_orders"
    PLACE_ORDERS = "place_orders"
    OVERBOOK = "overbook"
    KEEP_CALENDAR = "keep_calendar"
    PERFORM_EXAMS = "perform_exams"
    SEE_WORKLIST = "see_worklist"
    READ_CASES = "read_cases"
    SIGN_REPORTS = "sign_reports"
    SEE_REPORTS = "see_reports"
    RETRACT_REPORTS = "retract_reports"
    REVIEW_REPORTS = "review_reports"
    LEAD_QUALITY = "lead_quality"
    LEAD_READING = "lead_reading"
    SEE_MESSAGES = "see_messages"
    MEND_MESSAGES = "mend_messages"
    SEPARATE_PATIENTS = "separate_patients"
    SHARE_REPORTS = "share_reports"
    INVITE_PATIENTS = "invite_patients"
    SEE_AUDIT = "see_audit"
    SET_UP = "set_up"
    SEE_CONFIDENTIAL = "see_confidential"
    MARK_CONFIDENTIAL = "mark_confidential"
    BREAK_GLASS = "break_glass"


_READER = {Can.SEE_ORDERS, Can.SEE_WORKLIST, Can.READ_CASES, Can.SEE_REPORTS, Can.SHARE_REPORTS, Can.BREAK_GLASS}

ROLES: dict[Role, frozenset[Can]] = {
    Role.SCHEDULER: frozenset(
        {Can.SEE_ORDERS, Can.PLACE_ORDERS, Can.OVERBOOK, Can.KEEP_CALENDAR, Can.SHARE_REPORTS, Can.INVITE_PATIENTS}
    ),
    Role.TECHNOLOGIST: frozenset({Can.SEE_ORDERS, Can.PERFORM_EXAMS, Can.BREAK_GLASS}),
    Role.RESIDENT: frozenset(_READER),
    Role.RADIOLOGIST: frozenset(_READER | {Can.SIGN_REPORTS, Can.REVIEW_REPORTS}),
    Role.LEAD: frozenset(
        _READER
        | {
            Can.SIGN_REPORTS,
            Can.REVIEW_REPORTS,
            Can.LEAD_QUALITY,
            Can.LEAD_READING,
            Can.RETRACT_REPORTS,
            Can.SEE_MESSAGES,
            Can.SEPARATE_PATIENTS,
        }
    ),
    Role.ANALYST: frozenset({Can.SEE_ORDERS, Can.SEE_MESSAGES, Can.MEND_MESSAGES, Can.SEPARATE_PATIENTS}),
    Role.ADMINISTRATOR: frozenset(
        {Can.SEE_ORDERS, Can.SEE_WORKLIST, Can.SEE_MESSAGES, Can.SEE_AUDIT, Can.SET_UP, Can.LEAD_READING}
    ),
    Role.PRIVACY_OFFICER: frozenset({Can.SEE_AUDIT, Can.SEE_CONFIDENTIAL, Can.MARK_CONFIDENTIAL}),
    Role.REFERRER: frozenset({Can.SEE_REPORTS, Can.SHARE_REPORTS, Can.BREAK_GLASS}),
    Role.CONFIDENTIAL: frozenset({Can.SEE_CONFIDENTIAL, Can.MARK_CONFIDENTIAL}),
}
"""What each role may do. A referrer sees the reports of their own orders only. ``CONFIDENTIAL`` is given besides
another role: alone it shows nothing."""


class Reach(StrEnum):
    """Of which patients of a site a role is shown something; the widest of a person's roles counts."""

    EVERYBODY = "everybody"
    CARE_TEAM = "care team"
    ORDERED = "ordered"


REACH: dict[Role, Reach] = {Role.REFERRER: Reach.ORDERED}
"""What holds where no :class:`ris.people.models.AccessRule` says otherwise; everybody for a role that is not here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an API token carries of its user's permissions. None: all of them, at all of their sites."""

    cans: frozenset[Can] | None = None
    site_ids: frozenset[int] | None = None
    client: str = ""
    """Id of the app that asks on the user's behalf; empty for a token of their own."""
