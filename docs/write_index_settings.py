"""Writes docs/index-settings.md from the settings of the index build.

PYTHONPATH=plugins:. python docs/write_index_settings.py
"""

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from docs.write_order import markdown
from sync_jobs.search.settings import IndexSettings

PAGE = Path(__file__).with_name("index-settings.md")

HEAD = """\
# Settings of the index build

Every setting has a default that suits an index of a million persons. Each index has an Airflow variable, named
`<alias>_index_settings`: `persons_index_settings` for the index `persons`. The variable is a JSON object. It changes
the settings that it names, from the next run on: `{"senders": 2, "retained_indices": 3}`. An unknown name or an invalid
value fails the run before it starts, and the error says what was expected. The address of Elasticsearch is not a
setting, but the connection `tcs_elasticsearch`.

A key is the number that all documents of one person (or of whatever else the index is about) share: `personId` in
the index `persons`.

"""

TAIL = """
Only `parallel_workers` divides work into slices: the workers sort slices of placements and memberships. The documents
themselves come in one stream, in the order of the persons. One stream keeps the senders busy, and every further one
would cost PostgreSQL another pass over the tables.
"""


def page() -> str:
    """The text of the page, from the current settings."""
    rows = [
        (f"`{each.name}`", f"`{each.default}`", _limits(each), each.metadata["unit"], each.metadata["reason"])
        for each in fields(IndexSettings)
    ]
    return HEAD + markdown(("setting", "default", "limits", "unit", "why"), rows) + TAIL


def _limits(setting: "Field[Any]") -> str:
    """The smallest and the greatest number that is accepted."""
    if isinstance(setting.default, str):
        return "such as `0-all`, `2-2`"
    return f"{setting.metadata['minimum']:,} to {setting.metadata['maximum']:,}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
