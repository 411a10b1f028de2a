"""Names the keys whose documents PostgreSQL cannot make, because a value is too large for it.

PostgreSQL makes no text of more than 1 GB and no jsonb text of more than 256 MB. Its error names no row.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice

from psycopg import errors

from sync_jobs.batches import batches
from sync_jobs.errors import RejectedDocument
from sync_jobs.postgres.connection import another_session
from sync_jobs.postgres.statements import Connection, execute
from sync_jobs.search.definition import IndexDefinition

# A value that PostgreSQL cannot represent (54000), and one that it has no memory for (XX000).
TOO_LARGE = (errors.ProgramLimitExceeded, errors.InternalError_)

BATCH_KEYS = 1_000
MAXIMUM_KEYS = 2**63 - 1
# How many keys an error names.
NAMED_KEYS = 20


@contextmanager
def oversized_named(
    definition: IndexDefinition,
    connection: Connection,
    keys: Sequence[int] | None,
    make: Callable[[Connection, list[int]], object],
) -> Iterator[None]:
    """Raise RejectedDocument, with the keys, if PostgreSQL finds a value too large in the block.

    make: makes the documents of some keys, as the block does. keys: those of the block; None for all.
    """
    try:
        yield
    except TOO_LARGE as error:
        with closing(another_session(connection)) as other:  # the transaction of this one has failed
            tried = _all_keys(definition, other) if keys is None else keys
            found = list(islice(_failing(other, tried, make), NAMED_KEYS + 1))
        if not found:
            raise
        more = " and more" if len(found) > NAMED_KEYS else ""
        named = f"{definition.entity}{'s' if len(found) > 1 else ''} {', '.join(map(str, found[:NAMED_KEYS]))}{more}"
        raise RejectedDocument(
            f"PostgreSQL cannot make the documents of {named}: {error.diag.message_primary}. A value is probably too "
            "large: correct these records, or a record that they share, then run the job again."
        ) from None


def _all_keys(definition: IndexDefinition, connection: Connection) -> list[int]:
    rows = execute(connection, definition.query("sample_keys"), {"seed": "", "size": MAXIMUM_KEYS})
    return sorted(key for (key,) in rows)


def _failing(
    connection: Connection, keys: Sequence[int], make: Callable[[Connection, list[int]], object]
) -> Iterator[int]:
    """The keys whose documents cannot be made, ascending.

    The keys of a batch that fails are tried one by one. A failure takes PostgreSQL many seconds, because it handles the
    whole value first; the documents of one person take it milliseconds.
    """
    for batch in batches(keys, BATCH_KEYS):
        if _fails(connection, batch, make):
            yield from (key for key in batch if _fails(connection, [key], make))


def _fails(connection: Connection, keys: list[int], make: Callable[[Connection, list[int]], object]) -> bool:
    try:
        make(connection, keys)
    except TOO_LARGE:
        return True
    return False
