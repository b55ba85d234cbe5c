"""The CapabilityStatement: what is served, from the same table as the routes and the search."""

from __future__ import annotations

from .datatypes import Json
from .registry import TYPES
from .resource_type import ResourceType
from .search.parameters import SearchParameter
from .search.query import CONTROLS
from .smart.conformance import security
from .subscriptions.topics import TOPICS
from .writes.interactions import CREATES, DELETES, UPDATES

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/"
TOPIC = f"{BACKPORT}StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
DEFINITIONS = f"{BACKPORT}OperationDefinition/backport-subscription-"
OPERATIONS = ("status", "events", "get-ws-binding-token")
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
        "rest": [
            {
                "mode": "server",
                "security": security(),
                "resource": [_resource(one) for one in TYPES.values()],
                "interaction": [{"code": "transaction"}],
            }
        ],
    }


def interactions_of(resource_type: ResourceType) -> list[str]:
    """Codes of what can be done with a resource type (value set restful-interaction)."""
    name = resource_type.name
    writes = {"create": name in CREATES, "update": name in UPDATES, "delete": name in DELETES}
    return ["read", "search-type", *(code for code, is_there in writes.items() if is_there)]


def _resource(resource_type: ResourceType) -> Json:
    entry: Json = {
        "type": resource_type.name,
        "interaction": [{"code": code} for code in interactions_of(resource_type)],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": resource_type.name in CREATES,
        "searchInclude": list(resource_type.includes),
        "searchRevInclude": list(resource_type.revincludes),
        "searchParam": [_parameter(one) for one in resource_type.parameters.values()],
        "supportedProfile": list(resource_type.profiles),
    }
    if resource_type is TYPES["Subscription"]:
        entry["extension"] = [{"url": TOPIC, "valueUri": topic.canonical} for topic in TOPICS.values()]
        entry["operation"] = [{"name": name, "definition": DEFINITIONS + name} for name in OPERATIONS]
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


def conformance_tables() -> str:
    """The same as Markdown, for ``docs/interfaces/fhir.md``."""
    lines = ["| resource | interactions | search parameters | `_include` | `_revinclude` |", "|---|---|---|---|---|"]
    for one in TYPES.values():
        names = ", ".join(f"`{name}`" for name in one.parameters)
        forward = ", ".join(f"`{pair.partition(':')[2]}`" for pair in one.includes)
        reverse = ", ".join(f"`{pair}`" for pair in one.revincludes)
        lines.append(f"| {one.name} | {', '.join(interactions_of(one))} | {names} | {forward} | {reverse} |")
    return "\n".join([*lines, "", f"Of every search: {', '.join(f'`{name}`' for name in CONTROLS)}.", ""])
