"""The life of an index behind an alias. Everything works from an IndexDefinition (module definition).

    build, rollback                        what a run does; these two use everything below
    index_alias, created_index             the indices of an alias: create, promote, prune; what index templates add
    plain_index                            the documents of an index with the alias's name, before its first build
    settings, operator_settings            the settings of a build; those that operators put on the live index
    document_stream, bulk, build_progress, keepalive_node
                                           the load: from PostgreSQL into bulk requests
    verification, source_comparison, live_comparison, field_guard_rail
                                           what is checked before the swap
    edits, edits_since_build, application_writes, refresh
                                           what was edited since, and how its documents are written again
    quarantine, refusals, old_documents    documents that Elasticsearch refuses
    documents, index_mapping               equality of documents, mappings
    reads, errors, oversized               complete answers; errors of Elasticsearch; values too large for PostgreSQL

May import sync_jobs.postgres and the modules beside this package, except catalogue, parameters and runner. Must not
import sync_jobs.jobs or sync_jobs.index_definitions, so it is independent of persons.
"""
