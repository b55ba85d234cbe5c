"""The CapabilityStatement: what is served, from the same table as the routes and the search."""

from __future__ import annotations

from .datatypes import Json
from .registry import TYPES
from .resource_type import ResourceType
from .search.parameters import SearchParameter

VERSION = "1"
PUBLISHED = "2026-11-27"
"""When the list of what is served was last changed by hand; read by clients as the date of the statement."""


def capability_statement(base: str) -> Json:
    """What this server does, R4 (4.0.1), for the address ``base``."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": PUBLISHED,
        "kind": "instance",
        "software": {"name": "Wetread", "version": VERSION},
        "implementation": {"description": "Radiology workflow: orders, exams, worklists and reports.", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{"mode": "server", "security": _security(), "resource": [_resource(one) for one in TYPES.values()]}],
    }


def _security() -> Json:
    return {
        "description": "Authorization: Bearer, with a token of `./bin/ris token USER`. "
        "What lies at sites of others does not exist for that user."
    }


def _resource(resource_type: ResourceType) -> Json:
    entry: Json = {
        "type": resource_type.name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "searchInclude": list(resource_type.includes),
        "searchRevInclude": list(resource_type.revincludes),
        "searchParam": [_parameter(one) for one in resource_type.parameters.values()],
        "supportedProfile": list(resource_type.profiles),
    }
    return {name: value for name, value in entry.items() if value != []}


def _parameter(parameter: SearchParameter) -> Json:
    """A search parameter; its modifiers, and the types that a reference may name, in words."""
    said = []
    modifiers = sorted(parameter.modifiers - set(parameter.targets)) + (["missing"] if parameter.missing else [])
    if modifiers:
        said.append(f"Modifiers: {', '.join(modifiers)}.")
    if parameter.targets:
        said.append(f"Of {', '.join(parameter.targets)}; chained by any parameter of it.")
    entry = {"name": parameter.name, "type": parameter.type}
    return entry | ({"documentation": " ".join(said)} if said else {})
