"""The OpenAPI description, the deployment files and the settings behind a proxy hold together."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from ris.config import VARIABLES
from ris.serving.roles import ROLES
from tests.serving import ROOT, environment, ris


def test_the_api_describes_itself_without_a_doubt() -> None:
    with GENERATOR_STATS.silence():
        schema = SchemaGenerator().get_schema(request=None, public=True)
        doubts = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    validate_schema(schema)
    assert doubts == []
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


@pytest.mark.django_db
def test_the_api_can_be_browsed_without_inline_scripts() -> None:
    page = Client().get("/api/docs/").content.decode()
    assert "<script>" not in page
    assert "//cdn" not in page
    assert Client().get("/api/docs/?script=").status_code == 200


def test_behind_a_tls_proxy_django_s_own_deployment_checks_are_content(data: Path) -> None:
    env = environment(data, RIS_PROXY="127.0.0.1", RIS_HOSTS="ris.example")
    done = ris(env, "check", "--deploy", "--tag", "security", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


def test_compose_and_systemd_run_every_role_with_settings_that_exist() -> None:
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    services = compose["services"]
    assert {name for name in ROLES if services[name]["command"] == ["serve", name]} == set(ROLES)
    used = set(services["web"]["environment"])
    assert used <= {*VARIABLES, *(f"{name}_FILE" for name in VARIABLES)}
    unit = (ROOT / "deploy/systemd/wetread@.service").read_text()
    assert "serve %i" in unit
