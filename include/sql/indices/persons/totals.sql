-- Job 6: how many documents the index must hold, and how many trusts and programme memberships nested in them. Counted
-- independently of the query that makes the documents.
-- Reads: person, contact_details, placement, placement_specialty, specialty, person_trust, programme_membership,
-- curriculum_membership. Writes: nothing. Parameter: run_date.
-- Fast: aggregates each table by person first, then joins the results to persons in hash joins.

WITH current_row AS (
    SELECT DISTINCT
        placement.trainee_id AS person_id,
        placement.grade_id,
        placement.grade_abbreviation,
        placement.site_id,
        placement.site_code,
        placement.placement_type,
        specialty.name AS specialty
    FROM placement
    LEFT JOIN placement_specialty
        ON
            placement.id = placement_specialty.placement_id
            AND placement_specialty.placement_specialty_type = 'PRIMARY'
    LEFT JOIN specialty ON placement_specialty.specialty_id = specialty.id
    WHERE placement.date_from <= %(run_date)s AND placement.date_to >= %(run_date)s
),

document AS (
    SELECT
        current_row.person_id,
        count(*) AS copies
    FROM current_row
    GROUP BY current_row.person_id
),

trust AS (
    SELECT
        person_trust.person_id,
        count(DISTINCT person_trust.trust_id) AS items
    FROM person_trust
    GROUP BY person_trust.person_id
),

membership AS (
    SELECT
        programme_membership.person_id,
        count(*) AS items
    FROM programme_membership
    INNER JOIN curriculum_membership ON programme_membership.uuid = curriculum_membership.programme_membership_uuid
    GROUP BY programme_membership.person_id
)

SELECT
    coalesce(sum(coalesce(document.copies, 1)), 0)::bigint AS documents,
    coalesce(sum(coalesce(document.copies, 1) * trust.items), 0)::bigint AS trusts,
    coalesce(sum(coalesce(document.copies, 1) * membership.items), 0)::bigint AS "programmeMemberships"
FROM person
INNER JOIN contact_details ON person.id = contact_details.id
LEFT JOIN document ON person.id = document.person_id
LEFT JOIN trust ON person.id = trust.person_id
LEFT JOIN membership ON person.id = membership.person_id;
