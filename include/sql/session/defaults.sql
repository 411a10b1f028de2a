-- Session settings of a job, which override those of the server, the database and the role.
-- Reads: pg_settings. Writes: settings of the session, as far as this version of the server has them.
-- Always set: the encoding and date style that the driver needs, and UTC, the time zone of all dates. And no server
-- limit may end a build while it waits for Elasticsearch, inside its transaction or, in the second session, before one
-- (session/planner.sql sets the third of these limits).
-- row_security off: a policy that hides rows from the role makes a statement fail, instead of an index without them.
-- Set if neither the caller nor the server has set a value:
-- lock_timeout: how long to wait for a row that the application keeps locked; the run can be repeated later.
-- statement_timeout: no statement runs forever.
-- client_connection_check_interval: how soon, during a statement, the server notices that the job has died; then it
-- rolls back and frees the lock.
-- tcp_keepalives_*: the same outside of a statement, after two minutes. tcp_user_timeout stays as it is: it would end
-- a build that does not read its documents for a while because Elasticsearch is overloaded.

SELECT set_config(wanted.name, wanted.value, FALSE)
FROM pg_settings
INNER JOIN (
    VALUES
    ('client_encoding', 'UTF8', TRUE),
    ('DateStyle', 'ISO', TRUE),
    ('TimeZone', 'UTC', TRUE),
    ('transaction_timeout', '0', TRUE),
    ('idle_session_timeout', '0', TRUE),
    ('row_security', 'off', TRUE),
    ('tcp_keepalives_idle', '60', FALSE),
    ('tcp_keepalives_interval', '10', FALSE),
    ('tcp_keepalives_count', '6', FALSE),
    ('lock_timeout', '1min', FALSE),
    ('statement_timeout', '2h', FALSE),
    ('client_connection_check_interval', '10s', FALSE)
) AS wanted (name, value, is_certain) ON pg_settings.name = wanted.name
WHERE wanted.is_certain OR pg_settings.source = 'default';
