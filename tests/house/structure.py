"""The rules that keep the source tree in order. Each rule is a function that returns the names that break it.

A *folder* is a Python package. An *app* is a folder with ``apps.py``. A *wing* is a folder directly under an app with
all that lies below it (``interfaces.hl7.inbound``, ``ris.kernel.db``, ``worklist.services``); the modules that lie
directly in an app are a wing of their own.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.house.source_tree import Function, Module, SourceTree

MOST_MODULES_IN_A_FOLDER = 15
MOST_LINES_OF_A_FILE = 255
MOST_LINES_OF_A_FUNCTION = 46
FEWEST_LINES_WITH_ONE_USER = 50

# fmt: off
STANDARD_ROOMS = frozenset({
    "models", "states", "events", "services", "selectors", "subscribers", "tasks", "api", "pages", "admin", "urls",
    "apps", "live", "serializers", "forms",
})
# fmt: on
"""Names that every app, and every part of an app, may have."""

FOUND_BY_DJANGO = STANDARD_ROOMS - {"services", "selectors"} | {"commands", "templatetags"}
"""Modules, or folders of modules, that Django finds by their names: they may be small and have one user, or none."""

# fmt: off
OVERRIDES = frozenset({
    # asyncio.Protocol
    "connection_made", "connection_lost", "data_received", "eof_received", "pause_writing", "resume_writing",
    # Django: apps, models, querysets, fields, migrations' operations, forms, middleware, commands
    "ready", "save", "delete", "clean", "full_clean", "get_queryset", "as_sql", "as_sqlite", "as_postgresql",
    "describe", "database_forwards", "database_backwards", "to_python", "prepare_value", "has_changed",
    "form_valid", "process_exception", "handle", "add_arguments",
    # django.contrib.admin
    "admin_view", "get_urls", "get_readonly_fields", "formfield_for_dbfield", "save_model", "save_related",
    "delete_model", "has_permission", "has_module_permission", "has_view_permission", "has_add_permission",
    "has_change_permission", "has_delete_permission", "log_addition", "log_change", "log_deletions",
    # Django REST framework, drf-spectacular, Channels, django-structlog
    "authenticate", "authenticate_header", "get_object", "get_fields", "get_serializer_class", "perform_create",
    "perform_destroy",
    "to_internal_value", "get_lookup_regex", "parse", "get_security_definition", "connect", "disconnect",
    "format_request",
})
# fmt: on
"""Methods of subclasses whose promise is the framework's: they need no docstring."""


def full_folders(tree: SourceTree) -> Iterator[str]:
    """Folders with more than 15 modules; ``__init__`` is not counted."""
    modules: defaultdict[str, int] = defaultdict(int)
    for module in tree.modules.values():
        modules[module.folder] += not module.is_package
    return (folder for folder, number in modules.items() if number > MOST_MODULES_IN_A_FOLDER)


def shared_module_names(tree: SourceTree) -> Iterator[str]:
    """``wing: name`` of modules that share a name with another in their wing."""
    places: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for module in tree.modules.values():
        if not module.is_package and module.short_name not in STANDARD_ROOMS:
            places[_wing(tree, module), module.short_name].add(module.name)
    return _of_two(places)


def _wing(tree: SourceTree, module: Module) -> str:
    parts = module.folder.split(".")
    for depth in range(len(parts), 0, -1):
        if ".".join([*parts[:depth], "apps"]) in tree.modules:
            return ".".join(parts[: depth + 1])
    return ".".join(parts[:2])


def _of_two(places: dict[tuple[str, str], set[str]]) -> Iterator[str]:
    return (f"{place}: {name}" for (place, name), modules in places.items() if len(modules) > 1)


def shared_function_names(tree: SourceTree) -> Iterator[str]:
    """``folder: name`` of public functions defined in two modules of a folder."""
    places: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for module in tree.modules.values():
        for node in module.syntax.body:
            if isinstance(node, Function) and not node.name.startswith("_"):
                places[module.folder, node.name].add(module.name)
    return _of_two(places)


def cycles(tree: SourceTree) -> Iterator[str]:
    """``importer -> imported`` of each import in a cycle; those in functions and under TYPE_CHECKING count."""
    reached = {name: _reached(tree.graph, name) for name in tree.graph}
    return (f"{name} -> {used}" for name, uses in tree.graph.items() for used in uses if name in reached[used])


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found, ahead = {start}, [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def small_modules(tree: SourceTree) -> Iterator[str]:
    """Modules under 50 lines that only one other uses, or none."""
    return (
        module.name
        for module in tree.modules.values()
        if module.lines < FEWEST_LINES_WITH_ONE_USER
        and len(tree.users[module.name]) < 2
        and not _is_found(tree, module)
    )


def _is_found(tree: SourceTree, module: Module) -> bool:
    room = module.short_name.partition("_")[0]  # pages_orders, api_errors
    folders = module.folder.split(".")[1:]
    if module.is_package or "." not in module.name:  # a script in the root
        return True
    return module.name in tree.named or not FOUND_BY_DJANGO.isdisjoint((room, *folders))


def long_files(tree: SourceTree) -> Iterator[str]:
    """Modules of more than 255 lines."""
    return (module.name for module in tree.modules.values() if module.lines > MOST_LINES_OF_A_FILE)


def long_functions(tree: SourceTree) -> Iterator[str]:
    """``module: function`` of more than 46 lines, decorators not counted."""
    for module in tree.modules.values():
        for name, node in module.functions():
            if (node.end_lineno or node.lineno) - node.lineno >= MOST_LINES_OF_A_FUNCTION:
                yield f"{module.name}: {name}"


def untyped_functions(tree: SourceTree) -> Iterator[str]:
    """``module: function`` where an argument or the result has no annotation."""
    for module in tree.modules.values():
        for name, node in module.functions():
            if not _is_typed(node):
                yield f"{module.name}: {name}"


def _is_typed(node: Function) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    arguments += [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    typed = (argument.annotation or argument.arg in ("self", "cls", "mcs") for argument in arguments)
    return node.returns is not None and all(typed)


def silent_names(tree: SourceTree) -> Iterator[str]:
    """``module`` or ``module: name`` of what is public and has no docstring.

    Public are modules, their functions and classes, and the methods of these, unless the name begins with ``_``.
    """
    for module in tree.modules.values():
        if module.syntax.body and not ast.get_docstring(module.syntax):
            yield module.name
        for name in _silent(module.syntax.body, None):
            yield f"{module.name}: {name}"


def _silent(body: Iterable[ast.stmt], owner: ast.ClassDef | None) -> Iterator[str]:
    prefix = f"{owner.name}." if owner else ""
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_") or _is_boilerplate(node, owner):
            continue
        if not ast.get_docstring(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from (prefix + name for name in _silent(node.body, node))


def _is_boilerplate(node: Function | ast.ClassDef, owner: ast.ClassDef | None) -> bool:
    if owner:
        return node.name == "Meta" or (bool(owner.bases) and node.name in OVERRIDES)
    bases = {base.id for base in getattr(node, "bases", ()) if isinstance(base, ast.Name)}
    return not bases.isdisjoint({"AppConfig", "BaseCommand"})


@dataclass(frozen=True)
class Rule:
    """A rule and what to do about a name that breaks it."""

    find: Callable[[SourceTree], Iterable[str]]
    cure: str


RULES = {
    "full_folders": Rule(full_folders, "More than 15 modules in a folder: merge some, or give a group its own folder"),
    "shared_module_names": Rule(shared_module_names, "Two modules of a wing share a name: rename one"),
    "shared_function_names": Rule(shared_function_names, "Two public functions of a folder share a name: rename one"),
    "cycles": Rule(cycles, "An import in a cycle: move what both need to a module under both"),
    "small_modules": Rule(small_modules, "A module under 50 lines with fewer than two users: merge it into its user"),
    "long_files": Rule(long_files, "A file of more than 255 lines: move its second idea out"),
    "long_functions": Rule(long_functions, "A function of more than 46 lines: extract a step"),
    "untyped_functions": Rule(untyped_functions, "A function without types: annotate every argument and the result"),
    "silent_names": Rule(silent_names, "A public name without docstring: say what it promises"),
}
