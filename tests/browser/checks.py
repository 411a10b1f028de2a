"""Checks of search as the seeded server answers them: it has no Elasticsearch."""

from __future__ import annotations

from datetime import datetime

from sync_page.index_checks import Check, Checked
from tests.night_facts import index


def checked(now: datetime) -> Checked:
    """Three that passed, and one that did not."""
    name = index().name
    found = [
        ("exactly one index is behind the alias", True, name),
        ("the index accepts writes", True, "no block; health green"),
        ("the number of documents is as expected", True, "found 200,360 documents, expected 200,360"),
        ("a sample agrees with PostgreSQL", False, f"{name}: of 50 persons compared field by field, 1 differs: 4711."),
    ]
    checks = [Check(name=what, passed=passed, text=text, checked_at=now) for what, passed, text in found]
    return Checked(alias="persons", index=name, checks=checks)
