"""What is said to be served is served: the statement, the document, and R4's own names of search parameters."""

from __future__ import annotations

import pytest

from interfaces.fhir.capability import capability_statement, conformance_tables
from interfaces.fhir.registry import TYPES
from ris.people.models import User
from tests.house.source_tree import ROOT
from tests.interfaces.fhir.asking import Asking

SAMPLES = {"date": "2026", "reference": "1", "token": "x", "string": "x"}


@pytest.mark.once
def test_the_document_says_what_the_registry_says() -> None:
    document = (ROOT / "docs/interfaces/fhir.md").read_text()
    assert document.endswith(conformance_tables()), "bin/ris fhir conformance prints how docs/interfaces/fhir.md ends."


@pytest.mark.once
def test_included_types_and_parameters_exist() -> None:
    for one in TYPES.values():
        for pair in (*one.includes, *one.revincludes):
            kind, _, name = pair.partition(":")
            parameter = TYPES[kind].parameters[name]
            assert parameter.type == "reference", pair
            assert pair in one.includes or (parameter.column and one.name in parameter.targets), pair
        assert set(one.sort) <= set(one.parameters)


@pytest.mark.django_db
def test_every_parameter_include_and_sort_that_is_named_can_be_asked() -> None:
    asking = Asking(User.objects.create_superuser("root"))
    closed = {"gender": "female", "active": "true", "value-boolean": "true"}
    for resource in capability_statement("http://testserver/fhir/R4")["rest"][0]["resource"]:
        kind = resource["type"]
        queries = [f"{one['name']}={closed.get(one['name'], SAMPLES[one['type']])}" for one in resource["searchParam"]]
        queries += [f"_include={pair}" for pair in resource.get("searchInclude", ())]
        queries += [f"_revinclude={pair}" for pair in resource.get("searchRevInclude", ())]
        queries += [f"_sort={sign}{name}&_count=1" for name in (*TYPES[kind].sort, "_id") for sign in ("", "-")]
        queries += [
            f"{one.name}:missing={yes}"
            for one in TYPES[kind].parameters.values()
            if one.missing
            for yes in ("true", "false")
        ]
        for query in queries:
            asking.read(f"{kind}?{query}", Prefer="handling=strict")
