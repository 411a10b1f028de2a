-- The process of PostgreSQL that executes this statement. Reads, writes: nothing.

SELECT pg_backend_pid() AS process;
