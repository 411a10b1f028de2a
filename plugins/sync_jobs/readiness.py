"""What the servers still lack before the jobs can run on them: permissions and indexes of PostgreSQL.

The checks only read the catalogue. They do not repeat what every run checks by itself (versions, poolers, views).
"""

from dataclasses import dataclass

from sync_jobs.postgres import tables
from sync_jobs.postgres.statements import Connection, execute


@dataclass(frozen=True)
class Readiness:
    """permissions: (object, permission) that the role lacks; the permission is "exist" for a table that is missing.

    indexes: (table, column) without a valid index. invalid: (index, table, process that is building now, or None).
    """

    permissions: list[tuple[str, str]]
    indexes: list[tuple[str, str]]
    invalid: list[tuple[str, str, int | None]]

    @property
    def is_ready(self) -> bool:
        return not (self.permissions or self.indexes or self.invalid)

    def lines(self) -> list[str]:
        """One sentence for each thing that is missing."""
        found = [
            f"The table {name} does not exist: run include/sql/setup/job_tables.sql, or correct the search_path."
            if permission == "exist"
            else f"The role lacks the permission {permission} on {name}: run include/sql/setup/role.sql."
            for name, permission in self.permissions
        ]
        found += [
            f"An index of {table} is being built by process {process}, so {index} is not valid yet: wait for its end."
            if process
            else f"The index {index} of {table} is invalid: an interrupted CREATE INDEX CONCURRENTLY left it behind."
            for index, table, process in self.invalid
        ]
        found += [f"{table} has no valid index on {column}." for table, column in self.indexes]
        return found

    def statements(self) -> list[str]:
        """The SQL that gives the tables their indexes, for their owner, outside any transaction. Empty: nothing to do.

        CREATE INDEX CONCURRENTLY lets others write meanwhile. It waits for older transactions, so it has no time limit.
        A table of which somebody builds an index now is left out.
        """
        busy = {table for _, table, process in self.invalid if process}
        found = [f"DROP INDEX CONCURRENTLY IF EXISTS {index};" for index, table, _ in self.invalid if table not in busy]
        found += [
            f"CREATE INDEX CONCURRENTLY {table}_{column} ON {table} ({column});"
            for table, column in self.indexes
            if table not in busy
        ]
        return ["SET lock_timeout = 0;", "SET statement_timeout = 0;", *found] if found else []


def read_readiness(connection: Connection) -> Readiness:
    """Ask the catalogue, with the role of the jobs. Raises psycopg.Error."""
    names = {"used": list(tables.USED), "written": list(tables.WRITTEN)}
    return Readiness(
        permissions=execute(connection, "migration/missing_permissions", names).fetchall(),
        indexes=execute(connection, "migration/missing_indexes").fetchall(),
        invalid=execute(connection, "migration/invalid_indexes", names).fetchall(),
    )
