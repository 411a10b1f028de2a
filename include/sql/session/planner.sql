-- Every job: memory for its hash tables and sorts, no compilation of queries that run once; for this transaction alone.
-- An index build keeps its snapshot open while Elasticsearch is at work: no limit of the server's for idle
-- transactions may take it away (session/defaults.sql has those for long ones and for idle sessions).
-- Reads, writes: nothing. Measured at 200,000 persons: a third to a half of the time of the trust and owner jobs.

SET LOCAL work_mem = '256MB';
SET LOCAL jit = off;
SET LOCAL idle_in_transaction_session_timeout = 0;
