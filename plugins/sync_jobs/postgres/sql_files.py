"""The SQL files in include/sql, one statement each. Imports no driver, so that DAG files can use index definitions."""

from functools import cache
from pathlib import Path

SQL_FOLDER = Path(__file__).resolve().parents[3] / "include" / "sql"

# A statement is named by its path below include/sql, without the ending: "jobs/person_owner_difference". A file of
# another folder, such as that of an index definition, is named by its Path.
Statement = str | Path


@cache
def read_sql(statement: Statement) -> str:
    """The text of a statement's file; its parameters are written %(name)s."""
    path = statement if isinstance(statement, Path) else SQL_FOLDER / f"{statement}.sql"
    return path.read_text(encoding="utf-8")
