-- Job 8: the candidates, with their existing status and the status that they should have
-- (docs/domain.md, "8 PersonRecordStatusJob" and "Missed nights").
-- Reads: programme_membership, person.
-- Writes: the temporary table "candidate" (id, existing_status, status). It outlives the transaction, until the next
-- run or the end of the session, because the refresh of documents needs it.
-- Parameters: run_date, on which a membership is current or not; first_date and last_date, the dates covered.
-- Fast: indexes find the memberships that start or end on a few dates, and then all memberships of their persons.

DROP TABLE IF EXISTS pg_temp.candidate;

CREATE TEMPORARY TABLE candidate AS
WITH touched AS (
    SELECT DISTINCT programme_membership.person_id
    FROM programme_membership
    WHERE
        programme_membership.programme_end_date BETWEEN %(first_date)s - 1 AND %(last_date)s - 1
        OR programme_membership.programme_start_date BETWEEN %(first_date)s AND %(last_date)s
)

SELECT
    person.id,
    person.status AS existing_status,
    CASE
        WHEN bool_or(
            programme_membership.programme_start_date <= %(run_date)s
            AND programme_membership.programme_end_date >= %(run_date)s
        ) THEN 'CURRENT'
        ELSE 'INACTIVE'
    END AS status
FROM touched
INNER JOIN person ON touched.person_id = person.id
INNER JOIN programme_membership ON person.id = programme_membership.person_id
GROUP BY person.id;
