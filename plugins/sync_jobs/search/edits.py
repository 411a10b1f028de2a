"""Which keys have been edited since a snapshot, by an insert, update or delete in any table of the documents.

PostgreSQL keeps the answer in the rows themselves (docs/design.md, "No edit is lost"). The transaction that holds the
snapshot still sees each row that was updated or deleted since; the row carries the id of the transaction that did it
(xmax). A later snapshot sees each row that was written since; the row carries the id of its writer (xmin). Whether a
writer that began after a transaction that was still running had ended, only the earlier snapshot can tell.
"""

import heapq
from array import array
from contextlib import AbstractContextManager
from itertools import groupby

from sync_jobs.postgres.connection import another_connection
from sync_jobs.postgres.statements import Connection, named_rows, one_row
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search.definition import IndexDefinition


class Edits:
    """The edits since the snapshot of a connection. A context manager: it opens a second connection.

    earlier: a connection inside snapshot(), which must stay open while this object is used.
    """

    def __init__(self, definition: IndexDefinition, earlier: Connection) -> None:
        self._query, self._seen_query = definition.query("edited_keys"), definition.query("seen_transactions")
        self._earlier = earlier
        since, until, oldest_multixact = one_row(earlier, "session/snapshot_bounds")
        self._bounds = {"since": since, "until": until, "oldest_multixact": oldest_multixact}
        self._seen: list[str] | None = None
        self._found = array("q")
        self.later = another_connection(earlier)

    def __enter__(self) -> "Edits":
        return self

    def __exit__(self, *_: object) -> None:
        self.later.close()

    def later_snapshot(self) -> AbstractContextManager[None]:
        """A snapshot of the present, in the second connection (later)."""
        return snapshot(self.later)

    def edited_keys(self) -> "array[int]":
        """All keys whose documents may have changed since the earlier snapshot, ascending; some may not have.

        Includes the keys of every earlier call. A row that was inserted before one call and deleted after it is in
        neither snapshot now, but the index may have a document made from it. Call it inside later_snapshot().
        """
        parameters = self._bounds | {"seen": self._seen_transactions()}
        gone = named_rows(self._earlier, self._query, parameters | {"gone": True})
        come = named_rows(self.later, self._query, parameters | {"gone": False})
        known = ((key,) for key in self._found)
        self._found = array("q", (key for (key,), _ in groupby(heapq.merge(known, gone, come))))
        return self._found

    def _seen_transactions(self) -> list[str]:
        """Transactions that the earlier snapshot sees although an older one was still running then.

        Without them, one old transaction would make an edit of everything that was written since it began.
        """
        if self._seen is None:
            nobody_was_running = self._bounds["since"] == self._bounds["until"]
            rows = () if nobody_was_running else named_rows(self._earlier, self._seen_query, self._bounds)
            self._seen = [transaction for (transaction,) in rows]
        return self._seen
