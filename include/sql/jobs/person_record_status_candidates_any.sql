-- Job 8, dateOverride ANY: as jobs/person_record_status_candidates.sql, but every person with a membership is a
-- candidate (docs/domain.md, "8 PersonRecordStatusJob").
-- Reads: programme_membership, person.
-- Writes: the temporary table "candidate" (id, existing_status, status), as there.
-- Parameter: run_date, on which a membership is current or not.
-- Fast: each table is read once, and memberships are grouped before they are joined to their persons.

DROP TABLE IF EXISTS pg_temp.candidate;

CREATE TEMPORARY TABLE candidate AS
WITH trainee AS (
    SELECT
        programme_membership.person_id,
        bool_or(
            programme_membership.programme_start_date <= %(run_date)s
            AND programme_membership.programme_end_date >= %(run_date)s
        ) AS is_current
    FROM programme_membership
    GROUP BY programme_membership.person_id
)

SELECT
    person.id,
    person.status AS existing_status,
    CASE WHEN trainee.is_current THEN 'CURRENT' ELSE 'INACTIVE' END AS status
FROM trainee
INNER JOIN person ON trainee.person_id = person.id;
