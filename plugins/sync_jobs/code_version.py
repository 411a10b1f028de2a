"""Which code runs: a hash of the Python files of the jobs and of their SQL. An index says which code has built it."""

import hashlib
from functools import cache
from pathlib import Path

from sync_jobs.postgres.sql_files import SQL_FOLDER

PACKAGE = Path(__file__).parent


@cache
def code_version() -> str:
    """12 hexadecimal digits. Another text in any file gives another version, comments included."""
    digest = hashlib.sha256()
    for folder, pattern in ((PACKAGE, "*.py"), (SQL_FOLDER, "*.sql")):
        for path in sorted(folder.rglob(pattern)):
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
