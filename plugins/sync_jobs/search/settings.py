"""Settings of the index build, each with its default, its limits, its unit and the reason for the default.

docs/index-settings.md is generated from this module.
"""

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from sync_jobs.errors import BadArgument

# index.max_terms_count of Elasticsearch: the most keys that one query may name.
MAXIMUM_TERMS = 65_536


def _setting(default: float | str, unit: str, reason: str, minimum: float = 1, maximum: float = 1) -> Any:
    metadata = {"unit": unit, "reason": reason, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """Settings of a build, a refresh and a rollback."""

    shards: int = _setting(
        1,
        "primary shards",
        "a million documents are 1.3 GB, far below the size that a second shard would serve",
        maximum=1_024,  # the most that Elasticsearch allows for one index
    )
    replicas: str = _setting(
        "0-1", "auto_expand_replicas", "one copy on another node where there is one; none while the index is loaded"
    )
    body_bytes: int = _setting(
        5_000_000,
        "bytes",
        "of one bulk request: larger requests need more memory and are not faster",
        minimum=1_000,
        maximum=100_000_000,  # http.max_content_length of Elasticsearch is 100 MB
    )
    senders: int = _setting(
        3,
        "requests at once",
        "two keep Elasticsearch busy, the third sends while the others wait for responses",
        maximum=100,
    )
    bulk_attempts: int = _setting(
        12,
        "attempts",
        "for one bulk request while Elasticsearch is overloaded or unreachable: about two minutes in total",
        maximum=1_000,
    )
    parallel_workers: int = _setting(
        1,
        "PostgreSQL workers",
        "that sort placements and memberships, a slice each, together with the session of the build and before its "
        "first document; the limits of the server apply, too",
        minimum=0,
        maximum=1_024,  # of max_parallel_workers_per_gather
    )
    refresh_documents: int = _setting(
        50_000,
        "documents",
        "loaded between two background refreshes, or a fifth of all documents if that is more: the last refresh has "
        "little left to do, and a large index is not merged again and again",
        maximum=1_000_000_000,
    )
    progress_seconds: float = _setting(
        5.0, "seconds", "between two progress lines in the log", minimum=0, maximum=3_600
    )
    sample_keys: int = _setting(
        200,
        "keys",
        "whose documents are compared, field by field, with the result of a plain query before promotion",
        minimum=0,
        maximum=MAXIMUM_TERMS,
    )
    refresh_keys: int = _setting(
        500,
        "keys",
        "whose documents are rebuilt in one round of requests: about 600 kB of documents in memory",
        maximum=MAXIMUM_TERMS,
    )
    catch_up_rounds: int = _setting(
        5,
        "rounds",
        "at most, to bring a new index up to date before the swap if edits keep coming",
        maximum=1_000,
    )
    catch_up_keys: int = _setting(
        1_000,
        "keys",
        "the build goes on to the swap once a catch-up round has written at most so many",
        minimum=0,
        maximum=1_000_000_000,
    )
    quarantine_keys: int = _setting(
        10,
        "keys",
        "whose documents Elasticsearch may refuse in one run: they are left out, or search keeps their old documents; "
        "more of them point to a fault that many share, and stop the run",
        minimum=0,
        maximum=MAXIMUM_TERMS,
    )
    settle_seconds: float = _setting(
        2.0,
        "seconds",
        "that the application may take from its commit to the end of its writes to the index; documents that were "
        "written are checked again after that time",
        minimum=0,
        maximum=3_600,
    )
    retained_indices: int = _setting(
        2,
        "indices",
        "kept besides the live one, for a rollback; older ones are removed",
        minimum=0,
        maximum=1_000,
    )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "IndexSettings":
        """The defaults, except for the given values. Raises BadArgument for an unknown name or an invalid value."""
        known = {each.name: each for each in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise BadArgument(f"index settings: unknown setting {name!r}; expected one of {', '.join(known)}")
            _check(known[name], value)
        return cls(**values)


def _check(setting: "Field[Any]", value: Any) -> None:
    minimum, maximum = setting.metadata["minimum"], setting.metadata["maximum"]
    if isinstance(setting.default, str):
        right, expected = _is_range_of_replicas(value), f"text such as {setting.default!r} or '0-all', smaller first"
    elif isinstance(setting.default, int):
        right = type(value) is int and minimum <= value <= maximum
        expected = f"a whole number from {minimum} to {maximum}"
    else:
        right = type(value) in (int, float) and minimum <= value <= maximum  # NaN is not
        expected = f"a number from {minimum} to {maximum}"
    if not right:
        raise BadArgument(f"index setting {setting.name}: expected {expected}, got {value!r}")


def _is_range_of_replicas(value: Any) -> bool:
    """Whether it is valid for auto_expand_replicas. Elasticsearch would refuse it only after the index is loaded."""
    parts = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3}|all)", value) if isinstance(value, str) else None
    return parts is not None and (parts[2] == "all" or int(parts[1]) <= int(parts[2]))
