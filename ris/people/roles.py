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


_READER = {Can.SEE_ORDERS, Can.SEE_WORKLIST, Can.READ_CASES, Can.SEE_REPORTS, Can.SHARE_REPORTS}

ROLES: dict[Role, frozenset[Can]] = {
    Role.SCHEDULER: frozenset(
        {Can.SEE_ORDERS, Can.PLACE_ORDERS, Can.OVERBOOK, Can.KEEP_CALENDAR, Can.SHARE_REPORTS, Can.INVITE_PATIENTS}
    ),
    Role.TECHNOLOGIST: frozenset({Can.SEE_ORDERS, Can.PERFORM_EXAMS}),
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
    Role.PRIVACY_OFFICER: frozenset({Can.SEE_AUDIT}),
    Role.REFERRER: frozenset({Can.SEE_REPORTS, Can.SHARE_REPORTS}),
}
"""What each role may do. A referrer sees the reports of their own orders only."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an API token carries of its user's permissions. None: all of them, at all of their sites."""

    cans: frozenset[Can] | None = None
    site_ids: frozenset[int] | None = None
