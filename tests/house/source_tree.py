"""The project's own modules as syntax trees, and who imports whom. Reads files only; nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ris", "worklist", "reporting", "interfaces")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    """Dotted; a package bears the name of its folder."""

    path: Path
    is_package: bool
    text: str

    @property
    def folder(self) -> str:
        """Dotted name of the folder in which the file lies."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def short_name(self) -> str:
        """File name without its suffix."""
        return "__init__" if self.is_package else self.name.rpartition(".")[2]

    @property
    def lines(self) -> int:
        """Number of lines of the file, blank ones counted."""
        return self.text.count("\n")

    @cached_property
    def syntax(self) -> ast.Module:
        """The file's syntax tree."""
        return ast.parse(self.text, str(self.path))

    def functions(self) -> Iterator[tuple[str, Function]]:
        """All functions and methods with their qualified names, nested ones too."""
        return _functions(self.syntax, "")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
        inner = f"{prefix}{child.name}." if isinstance(child, Function | ast.ClassDef) else prefix
        yield from _functions(child, inner)


@dataclass(frozen=True)
class Import:
    """One name that a module binds to another module of the tree, or to something in it."""

    module: str
    """The imported module; of ``from package import submodule``, the submodule."""

    attribute: str
    """The name taken from it; empty when the module itself is bound."""

    local_name: str


class SourceTree:
    """All modules of some packages under a root, and scripts in the root itself; no migrations, no tests."""

    def __init__(self, root: Path = ROOT, packages: tuple[str, ...] = PACKAGES) -> None:
        self.modules: dict[str, Module] = {}
        for path in sorted([*root.glob("*.py"), *(path for name in packages for path in (root / name).rglob("*.py"))]):
            parts = path.relative_to(root).with_suffix("").parts
            if "migrations" not in parts and "tests" not in parts:
                is_package = parts[-1] == "__init__"
                name = ".".join(parts[:-1] if is_package else parts)
                self.modules[name] = Module(name, path, is_package, path.read_text(encoding="utf-8"))

    def imports(self, module: Module) -> Iterator[Import]:
        """Imports of modules of this tree: at the top, inside functions and under TYPE_CHECKING alike."""
        for node in ast.walk(module.syntax):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self.modules:
                        yield Import(alias.name, "", alias.asname or alias.name)
            elif isinstance(node, ast.ImportFrom):
                base = _base(module, node)
                for alias in node.names:
                    local_name = alias.asname or alias.name
                    if f"{base}.{alias.name}" in self.modules:
                        yield Import(f"{base}.{alias.name}", "", local_name)
                    elif base in self.modules:
                        yield Import(base, alias.name, local_name)

    @cached_property
    def graph(self) -> dict[str, set[str]]:
        """Module to the modules it imports."""
        return {
            name: {found.module for found in self.imports(module)} - {name} for name, module in self.modules.items()
        }

    @cached_property
    def named(self) -> set[str]:
        """Modules whose dotted name stands in a string: settings, URL includes, task names. A framework finds them."""
        return {
            name
            for module in self.modules.values()
            for node in ast.walk(module.syntax)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            for name in self._named_in(node.value)
        }

    @cached_property
    def users(self) -> dict[str, set[str]]:
        """Module to the modules that use it.

        A package that re-exports a name is no user of it: who takes the name from the package is.
        """
        users: dict[str, set[str]] = {name: set() for name in self.modules}
        for module in self.modules.values():
            for used in self._used_by(module) - {module.name}:
                if not (module.is_package and used.startswith(module.name + ".")):
                    users[used].add(module.name)
        return users

    def _used_by(self, module: Module) -> set[str]:
        used: set[str] = set()
        bound: dict[str, str] = {}
        for found in self.imports(module):
            used.add(self._origin(found.module, found.attribute))
            if not found.attribute:
                bound[found.local_name] = found.module
        for node in ast.walk(module.syntax):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound:
                used.add(self._origin(bound[node.value.id], node.attr))
        return used

    def _origin(self, module: str, attribute: str) -> str:
        """The module in which a name, taken from a package perhaps, was first bound."""
        return self._exports.get((module, attribute), module)

    @cached_property
    def _exports(self) -> dict[tuple[str, str], str]:
        return {
            (package.name, found.local_name): found.module
            for package in self.modules.values()
            if package.is_package
            for found in self.imports(package)
        }

    def _named_in(self, text: str) -> set[str]:
        parts = text.split(".") if text.isascii() and " " not in text else []
        names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        return {name for name in names if name in self.modules and "." in name}


def _base(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.folder.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])
