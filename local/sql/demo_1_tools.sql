-- Demo data, step 1 of 5: the size, the run date and the random numbers.
-- Reads: nothing.
-- Writes: functions in pg_temp, which the last step drops; settings of this transaction.
-- Parameters: persons, run_date, seed. They are inserted here only.
-- Fast: each function is one expression, which the planner puts in place of the call and folds to a constant
-- where it can; a draw costs one hash.
--
-- No random(): each number is a hash of seed, row and purpose, so it does not depend on the order in which
-- rows are created, and a new purpose does not change the others.

-- Merge joins are off because the planner cannot know how few rows each generate_series returns and would plan to
-- sort millions.
SET LOCAL work_mem = '128MB';
SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off;

CREATE FUNCTION pg_temp.persons() RETURNS integer LANGUAGE sql IMMUTABLE RETURN %(persons)s::integer;

CREATE FUNCTION pg_temp.posts() RETURNS integer LANGUAGE sql IMMUTABLE RETURN ceil(%(persons)s * 0.3)::integer;

CREATE FUNCTION pg_temp.run_date() RETURNS date LANGUAGE sql IMMUTABLE RETURN %(run_date)s::date;

-- Months are counted from the year 0: January 2026 is 2026 * 12.
CREATE FUNCTION pg_temp.run_month() RETURNS integer LANGUAGE sql IMMUTABLE
RETURN (extract(YEAR FROM %(run_date)s::date) * 12 + extract(MONTH FROM %(run_date)s::date) - 1)::integer;

-- A whole number from 0 to sides - 1.
CREATE FUNCTION pg_temp.draw(row_number bigint, purpose text, sides integer)
RETURNS integer LANGUAGE sql IMMUTABLE
RETURN mod(
    hashint8extended(row_number, hashtextextended(purpose, %(seed)s::bigint)) & 9223372036854775807, sides
)::integer;

-- A fraction from 0 to 1: "chance(id, 'no email') < 0.02" holds for two rows in a hundred.
CREATE FUNCTION pg_temp.chance(row_number bigint, purpose text)
RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN (
    hashint8extended(row_number, hashtextextended(purpose, %(seed)s::bigint)) & 9223372036854775807
) / 9223372036854775808.0::double precision;
