"""PostgreSQL for the jobs: connections, statements from files, transactions, locks, and writing only what differs.

May import: sync_jobs.errors, sync_jobs.guard_rail, sync_jobs.report. Knows nothing of jobs, indices or Elasticsearch.
"""
