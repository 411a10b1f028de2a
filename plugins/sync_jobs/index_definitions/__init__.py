"""The search indices: one definition per index, and the list of all.

To add an index, write its definition here and its SQL files below include/sql/indices/, and add it to the list.
May import sync_jobs.search.definition only.
"""

from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search.definition import IndexDefinition

INDEX_DEFINITIONS: tuple[IndexDefinition, ...] = (PERSONS,)


def find_definition(alias: str) -> IndexDefinition:
    """The definition of the index with this alias. Raises KeyError."""
    return {definition.alias: definition for definition in INDEX_DEFINITIONS}[alias]
