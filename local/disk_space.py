"""The free space that a start of the stack needs on the disk of its home."""

import shutil
from pathlib import Path

from local.errors import StackError

MEGABYTE = 1_000_000
MEGABYTES_OF_A_START = 500
BYTES_PER_PERSON = 15_000  # in PostgreSQL with its WAL, and in three indices


def check_disk_space(folder: Path, new_persons: int) -> None:
    """Raises StackError, with the numbers, if the disk of a folder has too little space.

    folder: may not exist yet. new_persons: the number of demo persons that the start creates.
    """
    needed = MEGABYTES_OF_A_START + new_persons * BYTES_PER_PERSON // MEGABYTE
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free // MEGABYTE
    if free < needed:
        raise StackError(
            f"The disk of {folder} is too full: the stack needs {needed:,} MB, and {free:,} MB are free. Free some "
            "space, choose a folder on another disk with SYNC_HOME, or fewer demo persons with SYNC_DEMO_PERSONS."
        )
