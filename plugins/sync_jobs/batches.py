"""Cuts a stream into batches (itertools.batched came with Python 3.12; 3.11 is supported)."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of size items; the last one may be shorter. An empty stream gives no list."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
