-- Job 6, beside planner.sql: leads the planner to read every table in person order, for this transaction alone, and
-- to sort what is in no such order (current placements, memberships) in slices, one by each worker.
-- Reads, writes: nothing. Parameter: parallel_workers, beside the session itself.
-- Fast: the first row after one second instead of three and a quarter less CPU; a worker halves that second.

SET LOCAL enable_hashagg = off;
SET LOCAL max_parallel_workers_per_gather = %(parallel_workers)s;
SET LOCAL parallel_tuple_cost = 0.01;
