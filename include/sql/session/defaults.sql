-- Session settings of a job, whatever the server, the database or the role has set.
-- Reads: pg_settings. Writes: settings of the session, of those that this version of the server has.
-- Always: text in the encoding and date style that the driver reads, whatever the role prefers; and no server limit
-- that would end a build while it waits for Elasticsearch, inside its transaction or, in the second session, before one
-- (session/planner.sql has the third).
-- Where neither the caller nor the server has set any: lock_timeout: how long to wait for a row that the application
-- keeps locked; the run can be repeated later. statement_timeout: no statement runs forever.
-- client_connection_check_interval: how soon the server notices during a statement that the job is gone, rolls back
-- and frees its lock.

SELECT set_config(wanted.name, wanted.value, FALSE)
FROM pg_settings
INNER JOIN (
    VALUES
    ('client_encoding', 'UTF8', TRUE),
    ('DateStyle', 'ISO', TRUE),
    ('transaction_timeout', '0', TRUE),
    ('idle_session_timeout', '0', TRUE),
    ('lock_timeout', '1min', FALSE),
    ('statement_timeout', '2h', FALSE),
    ('client_connection_check_interval', '10s', FALSE)
) AS wanted (name, value, is_certain) ON pg_settings.name = wanted.name
WHERE wanted.is_certain OR pg_settings.source = 'default';
