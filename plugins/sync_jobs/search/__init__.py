"""The life of an index behind an alias: built, verified, promoted, refreshed, rolled back, pruned.

Everything works from an IndexDefinition (definition). May import sync_jobs.postgres and the modules beside this
package; must not import sync_jobs.jobs or sync_jobs.index_definitions, so it is independent of persons.
"""
