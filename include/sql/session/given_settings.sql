-- The settings of session/defaults.sql that this session was given after it was opened: name, value.
-- A second session is opened with the same parameters and gets these as well. Reads: pg_settings. Writes: nothing.

SELECT
    pg_settings.name,
    current_setting(pg_settings.name) AS setting
FROM pg_settings
WHERE
    pg_settings.source = 'session'
    AND pg_settings.name IN (
        'lock_timeout', 'search_path', 'statement_timeout', 'client_connection_check_interval', 'row_security',
        'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count'
    );
