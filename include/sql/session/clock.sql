-- The time of the server: the one clock that all hosts share. Reads, writes: nothing.

SELECT statement_timestamp() AS now;
