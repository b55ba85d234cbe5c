"""Whatever goes wrong in the API has one shape (RFC 9457) and names the field."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import exceptions, serializers

from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from ris.web.api_errors import problem


def answer_to(error: Exception) -> tuple[int, dict[str, Any]]:
    response = problem(error, {})
    assert response is not None
    assert response.content_type == "application/problem+json"
    assert response.data["status"] == response.status_code
    return response.status_code, response.data


@pytest.mark.parametrize(("kind", "status"), [(Invalid, 400), (Forbidden, 403), (NotFound, 404), (Conflict, 409)])
def test_a_refusal_has_its_status_field_and_code(kind: type[Refusal], status: int) -> None:
    code, body = answer_to(kind("No.", at="OBR-18", code="special"))
    assert (code, body["detail"], body["at"], body["code"]) == (status, "No.", "OBR-18", "special")


def test_a_form_that_is_wrong_names_each_field_by_its_path() -> None:
    class Line(serializers.Serializer[Any]):
        code = serializers.CharField()

    class Form(serializers.Serializer[Any]):
        reason = serializers.CharField()
        procedures = Line(many=True)

    form = Form(data={"procedures": [{"code": "A"}, {}]})
    assert not form.is_valid()
    status, body = answer_to(exceptions.ValidationError(form.errors))
    assert (status, body["at"]) == (400, "reason")
    assert [wrong["at"] for wrong in body["errors"]] == ["reason", "procedures[1].code"]


def test_who_is_not_logged_in_is_told_how() -> None:
    error = exceptions.NotAuthenticated()
    error.auth_header = "Bearer"  # type: ignore[attr-defined]
    response = problem(error, {})
    assert response is not None
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_what_is_our_own_fault_is_not_dressed_up() -> None:
    assert problem(ZeroDivisionError(), {}) is None
