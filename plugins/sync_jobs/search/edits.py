"""Which persons have been edited since a snapshot: inserts, updates and deletes in every table of a document.

PostgreSQL keeps the answer in the rows themselves (docs/design.md, "No edit is lost"): the transaction that holds
the snapshot still sees each row that has been updated or deleted since, marked by whoever did it (xmax); and a
later snapshot sees each row written since, by its xmin.
"""

import heapq
from array import array
from contextlib import AbstractContextManager
from itertools import groupby

from sync_jobs.postgres.connection import another_connection
from sync_jobs.postgres.statements import Connection, named_rows, one_row
from sync_jobs.postgres.transactions import snapshot


class Edits:
    """The edits since the snapshot in which a connection is. Enter it: it opens a second connection, and closes it.

    earlier: a connection inside of snapshot(), which must last as long as this is asked.
    """

    def __init__(self, earlier: Connection) -> None:
        self._earlier = earlier
        since, oldest_multixact = one_row(earlier, "session/snapshot_oldest")
        self._bounds = {"since": since, "oldest_multixact": oldest_multixact}
        self._found = array("q")
        self.later = another_connection(earlier)

    def __enter__(self) -> "Edits":
        return self

    def __exit__(self, *_: object) -> None:
        self.later.close()

    def later_snapshot(self) -> AbstractContextManager[None]:
        """The state of now, in the second connection (later)."""
        return snapshot(self.later)

    def edited_persons(self) -> "array[int]":
        """Ids, ascending, of all whose documents may have changed since the earlier snapshot; some may not have.

        With those of every look before: a row that came before one and went after it is in neither snapshot now,
        but what that look made of it may be in an index. Inside of later_snapshot().
        """
        gone = named_rows(self._earlier, "indices/persons/edited_keys", self._bounds | {"gone": True})
        come = named_rows(self.later, "indices/persons/edited_keys", self._bounds | {"gone": False})
        known = ((person,) for person in self._found)
        self._found = array("q", (person for (person,), _ in groupby(heapq.merge(known, gone, come))))
        return self._found
