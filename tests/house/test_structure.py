"""The source tree keeps the rules of CONTRIBUTING.md; see ``structure.py`` for each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.house import structure_exceptions
from tests.house.source_tree import SourceTree
from tests.house.structure import RULES
from tests.house.structure_exceptions import EXCEPTIONS

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def project() -> SourceTree:
    return SourceTree()


@pytest.mark.parametrize("name", RULES)
def test_the_project_keeps_the_rule(name: str, project: SourceTree) -> None:
    """A listed exception that keeps the rule meanwhile fails too, so that the list only shrinks."""
    broken, known = set(RULES[name].find(project)), EXCEPTIONS[name]
    new, cured = sorted(broken - known), sorted(known - broken)
    if cured and os.environ.get("WETREAD_STRUCTURE") == "shrink":
        delete_exceptions(cured)
        cured = []
    assert not new, "\n  ".join([f"{RULES[name].cure}:", *new])
    assert not cured, "\n  ".join(
        [
            f"No longer an exception to {name}. Delete from tests/house/structure_exceptions.py, by hand or with "
            "WETREAD_STRUCTURE=shrink pytest tests/house/test_structure.py:",
            *cured,
        ]
    )


def delete_exceptions(names: list[str]) -> None:
    path = Path(structure_exceptions.__file__)
    kept = [line for line in path.read_text().splitlines() if line.strip() not in {f'"{name}",' for name in names}]
    path.write_text("\n".join(kept) + "\n")


def test_exceptions_are_to_rules_that_exist() -> None:
    assert set(EXCEPTIONS) == set(RULES)


APP = {"app/__init__.py": "", "app/apps.py": '"""App."""\n', "app/room/__init__.py": ""}
SAID = '"""Said."""\n'


def made_up(tmp_path: Path, files: dict[str, str]) -> SourceTree:
    for name, text in (APP | files).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return SourceTree(tmp_path, ("app",))


def broken(tmp_path: Path, rule: str, files: dict[str, str]) -> set[str]:
    return set(RULES[rule].find(made_up(tmp_path, files)))


def test_a_folder_of_sixteen_modules_is_found(tmp_path: Path) -> None:
    files = {f"app/room/m{n}.py": SAID for n in range(16)} | {f"app/other/m{n}.py": SAID for n in range(15)}
    assert broken(tmp_path, "full_folders", files | {"app/other/migrations/m.py": SAID}) == {"app.room"}


def test_two_modules_of_a_wing_with_one_name_are_found(tmp_path: Path) -> None:
    files = {"app/room/inner/queue.py": SAID, "app/room/queue.py": SAID, "app/other/queue.py": SAID}
    standard = {"app/room/inner/models.py": SAID, "app/room/models.py": SAID}
    assert broken(tmp_path, "shared_module_names", files | standard) == {"app.room: queue"}


def test_two_public_functions_of_a_folder_with_one_name_are_found(tmp_path: Path) -> None:
    functions = "def send(): ...\ndef _read(): ...\nclass A:\n    def close(self): ...\n"
    files = {"app/room/a.py": functions, "app/room/b.py": functions, "app/room/inner/c.py": functions}
    assert broken(tmp_path, "shared_function_names", files) == {"app.room: send"}


@pytest.mark.parametrize(
    "closing",
    [
        "from app.room import a\n",
        "from .a import x\n",
        "import app.room.a\n",
        "def f():\n    from . import a\n",
        "if TYPE_CHECKING:\n    from app.room.a import X\n",
    ],
)
def test_every_import_of_a_cycle_is_found(tmp_path: Path, closing: str) -> None:
    files = {
        "app/room/a.py": "from app.room.b import y\n",
        "app/room/b.py": "from . import c\n",
        "app/room/c.py": closing,
        "app/room/outside.py": "from app.room import a\n",
    }
    assert broken(tmp_path, "cycles", files) == {
        "app.room.a -> app.room.b",
        "app.room.b -> app.room.c",
        "app.room.c -> app.room.a",
    }


def test_a_small_module_with_one_user_is_found(tmp_path: Path) -> None:
    files = {
        "app/room/lonely.py": SAID,
        "script.py": "from app import one\n",
        "app/room/exported.py": "x = 1\n",
        "app/room/shared.py": "x = 1\n",
        "app/room/named.py": "x = 1\n",
        "app/room/large.py": "\n" * 50,
        "app/room/urls.py": "from app.room.lonely import x\n",
        "app/room/__init__.py": "from .exported import x\nfrom .shared import x as y\n",
        "app/one.py": "from app.room import x, y\nMIDDLEWARE = ['app.room.named.Class']\n" + "\n" * 50,
        "app/two.py": "from app import room\nroom.y()\n" + "\n" * 50,
    }
    assert broken(tmp_path, "small_modules", files) == {"app.room.lonely", "app.room.exported"}


def test_a_long_file_is_found(tmp_path: Path) -> None:
    files = {"app/room/long.py": "\n" * 256, "app/room/full.py": "\n" * 255}
    assert broken(tmp_path, "long_files", files) == {"app.room.long"}


def test_a_long_function_is_found(tmp_path: Path) -> None:
    full, long = ("\n".join([f"    def {name}(self):", *["        x = 1"] * lines]) for name, lines in FUNCTIONS)
    assert broken(tmp_path, "long_functions", {"app/room/a.py": f"class A:\n{full}\n{long}\n"}) == {
        "app.room.a: A.long"
    }


FUNCTIONS = (("full", 45), ("long", 46))


def test_a_function_without_types_is_found(tmp_path: Path) -> None:
    text = """
def typed(a: int, *more: int, b: int, **rest: int) -> None: ...
def argument(a) -> None: ...
def rest(**rest) -> None: ...
def result(a: int): ...
class A:
    def method(self) -> None: ...
    def other(self, b) -> None:
        async def inner(): ...
"""
    names = {"argument", "rest", "result", "A.other", "A.other.inner"}
    assert broken(tmp_path, "untyped_functions", {"app/room/a.py": text}) == {f"app.room.a: {name}" for name in names}


def test_a_public_name_without_docstring_is_found(tmp_path: Path) -> None:
    text = """
def function(): ...
def _private(): ...
class A(Base):
    class Meta: ...
    class Inner: ...
    def __str__(self): ...
    def get_queryset(self): ...
    def method(self):
        def nested(): ...
class B:
    "Said."
    def get_queryset(self): ...
    def said(self):
        "Said."
class RoomConfig(AppConfig): ...
"""
    names = {"", ": function", ": A", ": A.Inner", ": A.method", ": B.get_queryset"}
    files = {"app/room/a.py": text, "app/room/migrations/0001.py": text}
    assert broken(tmp_path, "silent_names", files) == {f"app.room.a{name}" for name in names}
