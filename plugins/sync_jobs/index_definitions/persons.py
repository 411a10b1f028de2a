"""The index persons, which every search screen reads (docs/domain.md, "6 PersonElasticSearchSyncJob")."""

from sync_jobs.search.definition import IndexDefinition

PERSONS = IndexDefinition(alias="persons", entity="person", key_field="personId")
