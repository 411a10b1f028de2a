"""Which keys have been edited since the build of an index, days later and without its snapshot.

Each row carries the id of the transaction that wrote it (xmin), also once VACUUM has frozen it. The _meta of the index
has the snapshot of its build. Rows that were deleted leave no trace: only keys that have no documents any more can be
found (sync_jobs.search.source_comparison.keys_without_source).
"""

from array import array
from collections.abc import Mapping
from typing import Any

from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.postgres.statements import Connection, named_rows, one_row
from sync_jobs.search.definition import IndexDefinition

# PostgreSQL compares the ids of rows by their distance, which is right up to half of the ids.
KNOWN_TRANSACTIONS = 2**31 - 1


class EditsUnknown(IndexNotAsExpected):
    """It cannot be known what has been edited since a build."""


def edited_since_build(definition: IndexDefinition, connection: Connection, meta: Mapping[str, Any]) -> "array[int]":
    """The keys with a row that was inserted or updated since the build of the index with this _meta, ascending.

    Rows of transactions that began while an older one was running at the time of the build may be among them. Call it
    inside a transaction. Raises EditsUnknown.
    """
    entity, recorded = definition.entity, meta.get("source_snapshot")
    if not recorded or "source_timeline" not in meta:
        raise EditsUnknown(f"How many {entity}s were edited since is not known: its build did not record its snapshot.")
    since, transactions, timeline = one_row(connection, "session/recorded_snapshot", {"snapshot": recorded})
    if timeline != meta["source_timeline"] or transactions < 0:
        raise EditsUnknown(
            f"How many {entity}s were edited since is not known: PostgreSQL was restored, or is another server, since."
        )
    if transactions > KNOWN_TRANSACTIONS:
        raise EditsUnknown(
            f"How many {entity}s were edited since is not known: {transactions} transactions have begun since, and "
            f"PostgreSQL can compare {KNOWN_TRANSACTIONS}."
        )
    # No multixact counts: they only mark rows that are gone, which are looked for in an open snapshot.
    parameters = {"gone": False, "since": since, "seen": [], "oldest_multixact": "0"}
    return array("q", (key for (key,) in named_rows(connection, definition.query("edited_keys"), parameters)))
