-- Limits of a job's session, where neither the caller nor the server has set any.
-- Reads: pg_settings. Writes: settings of the session.
-- lock_timeout: how long a row that the application keeps locked is waited for; the run can be repeated later.
-- statement_timeout: no statement takes for ever. client_connection_check_interval: how soon the server
-- notices in mid-statement that the job is gone, rolls back and frees its lock.

SELECT set_config(wanted.name, wanted.value, FALSE)
FROM pg_settings
INNER JOIN (
    VALUES
    ('lock_timeout', '1min'),
    ('statement_timeout', '2h'),
    ('client_connection_check_interval', '10s')
) AS wanted (name, value) ON pg_settings.name = wanted.name
WHERE pg_settings.source = 'default';
