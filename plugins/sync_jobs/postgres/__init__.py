"""PostgreSQL for the jobs.

    connection, pooler       the connections of a run, and the checks of the server
    sql_files, statements    SQL from include/sql
    tables                   the names of the tables that the jobs use
    transactions, locks      snapshots, READ COMMITTED; one run at a time
    difference               writes only the rows that differ
    copy_rows, background    rows as a stream; work on a connection in a thread
    errors                   errors of PostgreSQL
    refused_connection       errors of a connection that is refused

May import sync_jobs.errors, sync_jobs.guard_rail and sync_jobs.report. Knows nothing of jobs, indices or Elasticsearch.
"""
