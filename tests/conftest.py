from __future__ import annotations

from tests.flushing import let_sqlite_flush_append_only_tables

let_sqlite_flush_append_only_tables()
