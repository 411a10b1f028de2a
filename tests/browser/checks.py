"""Checks of search as the seeded server answers them: it has no Elasticsearch."""

from __future__ import annotations

from sync_airflow.night.facts import Facts
from sync_page.index_checks import Check, Checked
from tests.browser.histories import HISTORIES

DIFFERS = "of 50 persons compared field by field, 1 differs: 4711."


def checked(facts: Facts, alias: str) -> Checked:
    """The checks of a live index of that history. After a repair, its sample differs from PostgreSQL."""
    live = next((search.live for search in facts.search if search.alias == alias), None)
    name, documents = (live.name, f"{live.documents or 0:,}") if live else ("", "0")
    agrees = facts is not HISTORIES["restored"]
    found = [
        ("exactly one index is behind the alias", True, name),
        ("the index accepts writes", True, "no block; health green"),
        ("the number of documents is as expected", True, f"found {documents} documents, expected {documents}"),
        (
            "a sample agrees with PostgreSQL",
            agrees,
            "50 persons are as in PostgreSQL" if agrees else f"{name}: {DIFFERS}",
        ),
    ]
    checks = [Check(name=what, passed=passed, text=text, checked_at=facts.now) for what, passed, text in found]
    return Checked(alias=alias, index=name, checks=checks)
