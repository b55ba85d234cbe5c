"""Tables that only grow: the database itself refuses UPDATE and DELETE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

_POSTGRES = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE OR REPLACE TRIGGER {table}_append_only
BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
_SQLITE = (
    "CREATE TRIGGER IF NOT EXISTS {table}_no_update BEFORE UPDATE ON {table} {refuse}",
    "CREATE TRIGGER IF NOT EXISTS {table}_no_delete BEFORE DELETE ON {table} {refuse}",
)
_REFUSE = "BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
_DROP_SQLITE = ("DROP TRIGGER IF EXISTS {table}_no_update", "DROP TRIGGER IF EXISTS {table}_no_delete")


class AppendOnly(Operation):
    """Migration operation: from now on rows of ``table`` can be inserted and nothing else.

    An attempt raises ``django.db.IntegrityError`` on both databases. Say it again after a migration that
    changes the table: SQLite makes such a table anew, and its triggers go with the old one.
    """

    reversible = True

    def __init__(self, table: str) -> None:
        self.table = table

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing about the models changes."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(_POSTGRES.format(table=self.table), params=None)
            return
        for statement in _SQLITE:
            refuse = _REFUSE.format(table=self.table)
            schema_editor.execute(statement.format(table=self.table, refuse=refuse), params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.table}_append_only ON {self.table}", params=None)
            return
        for statement in _DROP_SQLITE:
            schema_editor.execute(statement.format(table=self.table), params=None)

    def describe(self) -> str:
        return f"Make {self.table} append-only"


@contextmanager
def unguarded(table: str) -> Iterator[None]:
    """Inside one transaction: rows may be deleted. Only the owner of the table can do this, not the role that serves.

    For what is kept elsewhere from now on, such as an archived year; whoever calls it says so in the audit.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with pending checks cannot be altered
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
            yield
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")
            return
        for statement in _DROP_SQLITE:
            cursor.execute(statement.format(table=table))
        yield
        for statement in _SQLITE:
            cursor.execute(statement.format(table=table, refuse=_REFUSE.format(table=table)))
