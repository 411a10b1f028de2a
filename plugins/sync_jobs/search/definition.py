"""The definition of an index: its alias, the key of its documents, its mapping, and the SQL of its documents."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from sync_jobs.postgres.sql_files import SQL_FOLDER, read_sql

MAPPING_FOLDER = SQL_FOLDER.parent / "elasticsearch"

NESTED = "nested"

# The SQL files of a definition; the docstring of the class describes each.
Query = Literal[
    "documents",
    "plain_documents",
    "totals",
    "edited_keys",
    "seen_transactions",
    "expected_count",
    "sample_keys",
]


@dataclass(frozen=True)
class IndexDefinition:
    """One search index. Everything in sync_jobs.search works from it.

    alias: the name that readers and writers use; its indices are named <alias>-YYYYMMDDtHHMMSS-ffffff.
    entity: what one key stands for, in the singular, for messages: "person".
    key_field: the field that holds the key, a long in the mapping. Several documents may have the same key.
    sql_folder, mapping_file: the paths of its files; by default include/sql/indices/<alias>/ and
    include/elasticsearch/<alias>.json.

    The SQL files in sql_folder, with their parameters:

    documents: run_date, keys (a bigint array, NULL for all). One text column: the bulk lines of one document, action
        and source, each ended by a newline. The _id is <key>-<hash of the content in hexadecimal>. Ordered by
        the key.
    plain_documents: run_date, keys. Columns: key, document (jsonb). The same documents by an independent query.
    totals: run_date. One row: column documents, and one column for each nested field, named like it: how many
        documents and nested objects the index must hold, counted independently of documents.
    edited_keys: gone, since, oldest_multixact, seen (sync_jobs.search.edits). One column: the keys whose documents
        may have changed since a snapshot, ascending.
    seen_transactions: since, until (sync_jobs.search.edits). One column: the ids of the transactions between these
        bounds whose rows the snapshot sees.
    expected_count: no parameter. One row: about how many documents there will be, for the progress in the log.
    sample_keys: seed (text), size. One column: up to size keys that have documents, chosen by the seed.
    """

    alias: str
    entity: str
    key_field: str
    sql_folder: Path | None = None
    mapping_file: Path | None = None

    def query(self, name: Query) -> Path:
        """The path of one of its SQL files, for sync_jobs.postgres.statements."""
        return (self.sql_folder or SQL_FOLDER / "indices" / self.alias) / f"{name}.sql"

    @cached_property
    def mapping(self) -> dict[str, Any]:
        """The mapping of its indices, without _meta."""
        path = self.mapping_file or MAPPING_FOLDER / f"{self.alias}.json"
        return dict(json.loads(path.read_text(encoding="utf-8")))

    @property
    def properties(self) -> dict[str, Any]:
        """The fields of the mapping, name -> definition."""
        return dict(self.mapping["properties"])

    @cached_property
    def nested_fields(self) -> tuple[str, ...]:
        """The names of the fields that hold nested objects."""
        return tuple(name for name, field in self.properties.items() if field.get("type") == NESTED)

    @cached_property
    def version(self) -> str:
        """A hash of the SQL of the documents and of the mapping: 12 hexadecimal digits.

        Lines of comments, blank lines and indentation do not count. The _meta of every index has it, so that documents
        of one definition are not written to an index of another
        (docs/decisions/0023-documents-of-another-definition.md).
        """
        lines = map(str.strip, read_sql(self.query("documents")).splitlines())
        statement = [line for line in lines if line and not line.startswith("--")]
        shape = json.dumps([statement, self.mapping], sort_keys=True)
        return hashlib.sha256(shape.encode()).hexdigest()[:12]

    def counted(self, number: int) -> str:
        """A number of keys in words: "1 person", "2 persons"."""
        return f"{number} {self.entity}{'' if number == 1 else 's'}"

    @property
    def lock_name(self) -> str:
        """The advisory lock of everything that changes the index behind the alias."""
        return f"work on index {self.alias}"

    @property
    def rollback_name(self) -> str:
        """The name of its rollback, in reports and as the id of its DAG."""
        return f"{self.alias}_index_rollback"
