-- Lets deferred triggers act now instead of at the commit, so that what they write can be checked.
-- Reads, writes: nothing by itself.

SET CONSTRAINTS ALL IMMEDIATE;
