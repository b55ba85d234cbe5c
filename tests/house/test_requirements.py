"""What the product imports is pinned, served roles run on that alone, and what is missing is named."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ris.requirements import OURS, say_missing
from tests import serving
from tests.serving import ROOT, environment, python

pytestmark = pytest.mark.once

FOR_TESTS_TOO = {"matplotlib": "ris/management/commands/simulate.py"}
"""What the product can do without, by the one file that may ask for it. It says so when it is missing."""

LIST = """
import json
from importlib.metadata import distributions
print(json.dumps({d.metadata["Name"]: d.version for d in distributions()}))
"""

BLOCK = """
import os, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["BLOCKED"]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: str) -> dict[str, set[str]]:
    """Versions by distribution; more than one where they differ by Python or platform."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", (ROOT / file).read_text(), re.MULTILINE):
        found.setdefault(canonical(name), set()).add(version)
    return found


def sources() -> list[Path]:
    return [ROOT / "manage.py", *(file for folder in sorted(OURS) for file in (ROOT / folder).rglob("*.py"))]


def imported() -> dict[str, set[str]]:
    """Top-level modules that are neither ours nor the standard library's, with the files that import them."""
    found: dict[str, set[str]] = {}
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in {name.split(".")[0] for name in names} - OURS - sys.stdlib_module_names:
                found.setdefault(name, set()).add(str(file.relative_to(ROOT)))
    return found


def named_in_settings() -> set[str]:
    """Top-level modules that the settings name in strings: applications, middleware, back ends."""
    tree = ast.walk(ast.parse((ROOT / "ris/settings.py").read_text()))
    texts = {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text.split(".")[0] for text in texts if re.fullmatch(r"\w+(\.\w+)*", text)}


def test_every_module_that_the_product_imports_comes_from_a_pinned_distribution() -> None:
    pins, providers = pinned("requirements.txt").keys(), packages_distributions()
    found = imported()
    assert {"django", "celery", "pydicom", "hl7apy"} <= found.keys()
    for name, files in found.items():
        if name in FOR_TESTS_TOO:
            assert files == {FOR_TESTS_TOO[name]}
        else:
            assert {canonical(d) for d in providers[name]} & pins, f"{name}, imported by {sorted(files)}, is not pinned"


def test_every_module_that_the_settings_name_comes_from_a_pinned_distribution() -> None:
    pins, providers = pinned("requirements.txt").keys(), packages_distributions()
    named = named_in_settings() & providers.keys()
    assert {"channels_redis", "whitenoise", "guardian", "rest_framework"} <= named
    for name in named:
        assert {canonical(d) for d in providers[name]} & pins, f"{name} is not pinned"


def test_served_roles_run_on_what_is_pinned_and_on_nothing_that_only_tests_bring() -> None:
    done = subprocess.run([python(), "-c", LIST], capture_output=True, text=True, timeout=60, check=True)
    installed = {canonical(name): version for name, version in json.loads(done.stdout).items()}
    pins = pinned("requirements.txt")
    assert {name: v for name, v in installed.items() if name in pins and v not in pins[name]} == {}
    assert {"packaging", "redis", "kombu"} <= installed.keys()
    assert pinned("requirements-test.txt").keys() - pins.keys() & installed.keys() == set()
    assert "pytest" not in installed


def test_without_their_environment_no_role_is_served_from_the_tests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PYTHON", ROOT / ".venv-nowhere/bin/python")
    with pytest.raises(RuntimeError, match=r"Cure: \./bin/test makes it"):
        serving.ris({}, "help")


@pytest.mark.parametrize(
    ("role", "module"),
    [
        ("worker", "packaging"),
        ("beat", "kombu.transport.redis"),
        ("web", "websockets.server"),
        ("web", "whitenoise.middleware"),
        ("hl7", "hl7apy"),
        ("dicom", "pynetdicom"),
        ("web", "channels_redis"),
        ("hl7", "django"),
    ],
)
def test_a_role_that_misses_a_module_says_which_and_the_cure(
    role: str, module: str, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    env = environment(data, REDIS_URL="redis://127.0.0.1:1/0", PYTHONPATH=str(tmp_path), BLOCKED=module)
    command = [python(), str(ROOT / "manage.py"), "serve", role]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    # Its last words: a warning about static files that were never collected may stand before them.
    assert done.stderr.splitlines()[-1] == (
        f"Cannot start: the module “{module}” is not installed. "
        f"Cure: {python()} -m pip install --require-hashes -r {ROOT / 'requirements.txt'}"
    )
    assert "Traceback" not in done.stderr


def test_a_module_of_our_own_that_is_missing_is_no_question_of_installing() -> None:
    assert say_missing(ModuleNotFoundError("No module named 'ris.nowhere'", name="ris.nowhere")) == ""
    assert "“celery”" in say_missing(ModuleNotFoundError("No module named 'celery'", name="celery"))
