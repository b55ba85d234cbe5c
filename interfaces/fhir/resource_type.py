"""What a FHIR resource type is here: rows of the house, who may see them, how one is written, how they are searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from interfaces.dicom.models import Archive
from ris.kernel.db.statements import PreparedQuery
from ris.patients.models import AssigningAuthority
from ris.people.models import User

from .datatypes import Json
from .search.changes import Changes
from .search.parameters import SearchParameter, id_parameter
from .smart.access import Compartment, narrow

V = TypeVar("V")
_AUTHORITIES = PreparedQuery(
    lambda kind, none: AssigningAuthority.objects.filter(universal_id_type=kind).exclude(universal_id=none)
)


class Page:
    """What the resources of one answer have in common; each part is read from the database once, when it is needed."""

    def __init__(self, viewer: User, base: str) -> None:
        self.viewer = viewer
        self.base = base
        self.rows: Sequence[Any] = ()
        self._of_rows: dict[str, Any] = {}

    def turn_to(self, rows: Sequence[Any]) -> None:
        """These rows are built next."""
        self.rows, self._of_rows = rows, {}

    def of_rows(self, name: str, read: Callable[[Sequence[Any]], V]) -> V:
        """What ``read`` gives for all of the rows at hand; read once for them."""
        if name not in self._of_rows:
            self._of_rows[name] = read(self.rows)
        found: V = self._of_rows[name]
        return found

    @cached_property
    def authorities(self) -> dict[str, str]:
        """Assigning authority → the URI of its OID, of those that have one."""
        return {row.name: f"urn:oid:{row.universal_id}" for row in _AUTHORITIES.all("ISO", "")}

    @cached_property
    def archives(self) -> list[Archive]:
        """Archives with a DICOMweb address: the endpoints of every study."""
        return list(Archive.objects.filter(enabled=True).exclude(dicomweb="").order_by("pk"))


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A resource type. The logical id is the primary key of ``model``.

    ``visible`` gives the rows that a viewer may see (Forbidden where their role has none), before :meth:`select`
    narrows them to what an app may; ``load`` adds what ``build`` needs, so that a page costs a bounded number of
    queries. ``build`` may leave elements empty. ``find`` gives the row of an id where more may be read than is found
    by a search; ``complete`` adds to what is read by id what would cost a search too much; ``is_gone``: whether the
    viewer's row of an id was deleted.
    ``patient``: the patient whom the audit names (None: the type says nothing about patients). ``mandatory``: elements
    that ``_elements`` keeps. ``sort``: name of a search parameter → a column without NULL. ``revincludes``:
    ``Type:parameter`` of resources that refer to this one.
    """

    name: str
    model: type[Model]
    visible: Callable[[User], QuerySet[Any]]
    load: Callable[[QuerySet[Any]], QuerySet[Any]]
    build: Callable[[Any, Page], Json]
    own_parameters: tuple[SearchParameter, ...]
    find: Callable[[User, int], QuerySet[Any]] | None = None
    complete: Callable[[Any, Json], Json] | None = None
    is_gone: Callable[[User, int], bool] | None = None
    changes: Changes | None = None
    patient: Callable[[Any], int | None] | None = None
    mandatory: tuple[str, ...] = ()
    sort: Mapping[str, str] = field(default_factory=dict)
    revincludes: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    @cached_property
    def parameters(self) -> dict[str, SearchParameter]:
        """Search parameters by name, ``_id`` and ``_lastUpdated`` among them."""
        generic = [id_parameter(), *([self.changes.parameter()] if self.changes else [])]
        return {parameter.name: parameter for parameter in (*generic, *self.own_parameters)}

    @cached_property
    def includes(self) -> tuple[str, ...]:
        """What ``_include`` takes: each reference that names an element."""
        return tuple(f"{self.name}:{one.name}" for one in self.own_parameters if one.type == "reference" and one.path)

    @cached_property
    def compartment(self) -> Compartment:
        """What scopes of an app are compared with."""
        return Compartment(self.name, self.parameters, self.patient is not None)

    def select(self, viewer: User, action: str = "s") -> QuerySet[Any]:
        """The viewer's rows; where an app asks, those to which its scopes allow ``action`` (a letter of ``cruds``).

        Raises Forbidden where the role, or the app, has none.
        """
        return narrow(self.visible(viewer), viewer, self.compartment, action)

    def row_of(self, viewer: User, pk: int, action: str = "r") -> Any:
        """The row of an id that the viewer may see, loaded; None when there is none for them."""
        row = self.load(self.select(viewer, action).filter(pk=pk)).first()
        if row is not None or self.find is None:
            return row
        return self.load(narrow(self.find(viewer, pk), viewer, self.compartment, action)).first()

    def times_of(self, rows: Iterable[Any]) -> dict[int, datetime]:
        """Primary key → when the row changed last, where that is known."""
        return self.changes.times(rows) if self.changes else {}
