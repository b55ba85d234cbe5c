"""Patient, and the visits of patients as Encounter."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from django.db.models import Q, QuerySet

from ris.access.visibility import open_rows
from ris.kernel.errors import Forbidden
from ris.patients.matching import fold
from ris.patients.models import AssigningAuthority, Identifier, Patient, Visit
from ris.patients.selectors import survivor, visible_patients
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from ..datatypes import TERMINOLOGY, URN, Json, authority_system, coding, identifier, person_name, reference
from ..resource_type import Page, ResourceType
from ..search.changes import ColumnChanges, PatientChanges
from ..search.parameters import (
    NOBODY,
    SearchParameter,
    Term,
    choice_parameter,
    date_parameter,
    reference_parameter,
    string_parameter,
    token_parameter,
)

GENDERS = {"F": "female", "M": "male", "O": "other", "": "unknown"}
REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"


def require_orders(viewer: User) -> None:
    """Raise Forbidden for a viewer whose role does not include seeing orders."""
    if Can.SEE_ORDERS not in permissions_of(viewer):
        raise Forbidden(
            "Your role does not include seeing orders. Ask an administrator for one that does.", code="role"
        )


def living_id(pk: int) -> int:
    """The id of whom a merged patient lives on as; the same id for anybody else."""
    patient = Patient.objects.select_related("merged_into").filter(pk=pk).first()
    return survivor(patient).pk if patient else pk


def authority_condition(system: str, column: str = "authority") -> Q:
    """The rows of an assigning authority that a client names by its OID, by our URI for it, or by its name."""
    if system.startswith("urn:oid:"):
        named = AssigningAuthority.objects.filter(universal_id=system.removeprefix("urn:oid:"))
        return Q(**{f"{column}__in": named.values("name")})
    return Q(**{column: unquote(system.removeprefix(f"{URN}authority:"))})


def patient_parameter(name: str, column: str, path: str = "subject") -> SearchParameter:
    """A reference to a patient; one who was merged is found by whom they live on as."""
    return reference_parameter(name, column, "Patient", path=path, resolve=living_id)


def _select(viewer: User) -> QuerySet[Patient]:
    require_orders(viewer)
    return visible_patients(viewer)


def _find(viewer: User, pk: int) -> QuerySet[Patient]:
    """A merged patient, as long as the viewer may see whom they live on as."""
    living = living_id(pk)
    is_visible = living != pk and visible_patients(viewer).filter(pk=living).exists()
    return Patient.objects.filter(pk=pk) if is_visible else Patient.objects.none()


def _load(rows: QuerySet[Patient]) -> QuerySet[Patient]:
    return rows.prefetch_related("identifiers", "merged_from")


def _identifiers(patient: Patient, page: Page) -> list[Json | None]:
    return [
        identifier(authority_system(row.authority, page.authorities), row.value, row.kind, "old" if row.retired else "")
        for row in patient.identifiers.all()
    ]


def _names(patient: Patient) -> list[Json]:
    alphabetic = {
        "use": "official",
        "text": patient.display_name if patient.family_name or patient.given_name else "",
        "family": patient.family_name,
        "given": [patient.given_name, patient.middle_name],
        "prefix": [patient.prefix],
        "suffix": [patient.suffix],
    }
    others = [("IDE", patient.ideographic_name), ("SYL", patient.phonetic_name)]
    return [
        alphabetic if alphabetic["text"] else {},
        *(
            {"extension": [{"url": REPRESENTATION, "valueCode": kind}], "text": name.replace("^", " ")}
            for kind, name in others
            if name
        ),
    ]


def _build(patient: Patient, page: Page) -> Json:
    links = [{"other": reference("Patient", old.pk), "type": "replaces"} for old in patient.merged_from.all()]
    if patient.merged_into_id:
        links.append({"other": reference("Patient", patient.merged_into_id), "type": "replaced-by"})
    return {
        "identifier": _identifiers(patient, page),
        "active": patient.merged_into_id is None,
        "name": _names(patient),
        "telecom": [{"system": "phone", "value": patient.phone}] if patient.phone else [],
        "gender": GENDERS[patient.sex],
        "birthDate": patient.birth_date.isoformat() if patient.birth_date else None,
        "address": [{"text": patient.address}] if patient.address else [],
        "link": links,
    }


def _by_identifier(term: Term) -> Q:
    system, value = term.token()
    rows = Identifier.objects.filter(value=value) if value else Identifier.objects.all()
    if system:
        rows = rows.filter(authority_condition(system))
    return Q(pk__in=rows.values("patient")) if value or system else NOBODY


def _name(name: str, column: str, lead: str) -> SearchParameter:
    """Family or given name, without case and accents; ``lead`` is what stands before it in ``search_name``."""

    def clause(term: Term) -> Q:
        if term.modifier == "exact":
            return Q(**{column: term.text})
        lookup = "startswith" if not lead and term.modifier != "contains" else "contains"
        word = fold(term.text) if term.modifier == "contains" else lead + fold(term.text)
        return Q(**{f"search_name__{lookup}": word})

    return SearchParameter(name=name, type="string", clause=clause, modifiers=frozenset({"exact", "contains"}))


ACTIVE = {"true": Q(merged_into=None), "false": Q(merged_into__isnull=False)}

PATIENT = ResourceType(
    name="Patient",
    model=Patient,
    visible=_select,
    find=_find,
    load=_load,
    build=_build,
    patient=lambda row: row.pk,
    changes=PatientChanges(),
    mandatory=("active",),
    revincludes=(
        "Encounter:patient",
        "ServiceRequest:patient",
        "Appointment:patient",
        "ImagingStudy:patient",
        "DiagnosticReport:patient",
    ),
    own_parameters=(
        token_parameter("identifier", _by_identifier),
        _name("family", "family_name", ""),
        _name("given", "given_name", "^"),
        string_parameter("name", "family_name", "given_name", folded="search_name"),
        date_parameter("birthdate", "birth_date", is_day=True, nullable=True),
        choice_parameter("gender", {code: Q(sex=sex) for sex, code in GENDERS.items()}, is_closed=True),
        choice_parameter(
            "active", {"true": Q(merged_into=None), "false": Q(merged_into__isnull=False)}, is_closed=True
        ),
    ),
)

ENCOUNTER_STATES = {
    "expected": "planned", "admitted": "in-progress", "outpatient": "in-progress", "discharged": "finished",
    "cancelled": "cancelled", "": "unknown",
}  # fmt: skip
CLASSES = {"I": ("IMP", "inpatient encounter"), "O": ("AMB", "ambulatory"), "E": ("EMER", "emergency"),
           "P": ("PRENC", "pre-admission"), "R": ("AMB", "ambulatory"), "": ("AMB", "ambulatory")}  # fmt: skip
"""PV1-2 → v3-ActCode."""


def _select_visits(viewer: User) -> QuerySet[Visit]:
    require_orders(viewer)
    return open_rows(Visit.objects.filter(site__in=sites_for(viewer, Can.SEE_ORDERS)), viewer)


def _build_encounter(visit: Visit, page: Page) -> Json:
    code, display = CLASSES.get(visit.patient_class, ("", ""))
    class_ = coding(f"{TERMINOLOGY}v3-ActCode", code, display) or coding(f"{TERMINOLOGY}v2-0004", visit.patient_class)
    attending = {
        "type": [{"coding": [coding(f"{TERMINOLOGY}v3-ParticipationType", "ATND", "attender")]}],
        "individual": {"display": person_name(visit.attending)},
    }
    return {
        "identifier": [identifier(authority_system(visit.authority, page.authorities), visit.number, "VN")],
        "status": ENCOUNTER_STATES[visit.state],
        "class": class_,
        "subject": reference("Patient", visit.patient_id),
        "participant": [attending] if visit.attending else [],
        "location": [{"location": {"display": visit.location}}] if visit.location else [],
        "serviceProvider": reference("Organization", visit.site_id),
    }


def _by_visit_number(term: Term) -> Q:
    system, value = term.token()
    return Q(number=value) & (authority_condition(system) if system else Q())


def _states() -> dict[str, Q]:
    codes: dict[str, Any] = {}
    for state, code in ENCOUNTER_STATES.items():
        codes.setdefault(code, []).append(state)
    return {code: Q(state__in=states) for code, states in codes.items()}


ENCOUNTER = ResourceType(
    name="Encounter",
    model=Visit,
    visible=_select_visits,
    load=lambda rows: rows,
    build=_build_encounter,
    patient=lambda row: row.patient_id,
    changes=ColumnChanges("updated_at"),
    mandatory=("status", "class", "subject"),
    own_parameters=(
        patient_parameter("patient", "patient"),
        patient_parameter("subject", "patient"),
        token_parameter("identifier", _by_visit_number),
        choice_parameter("status", _states()),
        choice_parameter(
            "class",
            {
                code: Q(patient_class__in=[hl7 for hl7, (act, _) in CLASSES.items() if act == code])
                for code, _ in CLASSES.values()
            },
        ),
        reference_parameter("service-provider", "site", "Organization", path="serviceProvider"),
    ),
)
