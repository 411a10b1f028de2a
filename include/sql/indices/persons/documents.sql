-- Index persons: its documents as finished bulk lines, one row per operation, for COPY
-- (docs/domain.md, "6 PersonElasticSearchSyncJob").
-- Reads: person, contact_details, gmc_details, gdc_details, placement, placement_specialty, specialty,
-- person_owner, person_trust, programme_membership, curriculum_membership, programme. Writes: nothing.
-- Parameters: run_date; keys: NULL for all persons, or the ids of the few persons whose documents are needed.
-- Fast: merge joins read everything in the order of the person's id, by indexes. Only current placements and the keys
-- of memberships are sorted, by workers, before the first row (session/planner_in_key_order.sql). The text is
-- concatenated, in one expression per document, without the fields that have no value. The fields of a programme are
-- escaped once per programme (LATERAL … OFFSET 0 lets the planner memoize them). The planner does not know the value
-- of the LIMIT, so it optimizes for the first rows.
-- The _id of a document is the person's id and a hash of the content: equal rows become one document, and two indices
-- can be compared by their ids. So lists must be in a fixed order, independent of the plan.

WITH current_placement AS (
    SELECT DISTINCT
        placement.trainee_id,
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
    WHERE
        placement.date_from <= %(run_date)s
        AND placement.date_to >= %(run_date)s
        AND (%(keys)s::bigint[] IS NULL OR placement.trainee_id = any(%(keys)s::bigint[]))
),

trust AS (
    SELECT
        pair.person_id,
        string_agg(
            concat('{"personId":', pair.person_id, ',"trustId":', pair.trust_id, '}'), ',' ORDER BY pair.trust_id
        ) AS items
    FROM (
        SELECT DISTINCT
            person_trust.person_id,
            person_trust.trust_id
        FROM person_trust
        WHERE
            %(keys)s::bigint[] IS NULL OR person_trust.person_id = any(%(keys)s::bigint[])
    ) AS pair
    GROUP BY pair.person_id
),

membership AS (
    SELECT
        programme_membership.person_id,
        string_agg(
            concat(
                '{"id":', curriculum_membership.id,
                ',"personId":', programme_membership.person_id,
                ',"programmeId":' || programme_membership.programme_id,
                programme_part.fields,
                CASE
                    WHEN
                        programme_membership.programme_start_date > %(run_date)s
                        AND programme_membership.programme_end_date IS NOT NULL
                        THEN ',"programmeMembershipStatus":"FUTURE"}'
                    WHEN
                        programme_membership.programme_start_date <= %(run_date)s
                        AND programme_membership.programme_end_date >= %(run_date)s
                        THEN ',"programmeMembershipStatus":"CURRENT"}'
                    ELSE ',"programmeMembershipStatus":"PAST"}'
                END
            ),
            ',' ORDER BY curriculum_membership.id
        ) AS items
    FROM programme_membership
    INNER JOIN curriculum_membership ON programme_membership.uuid = curriculum_membership.programme_membership_uuid
    LEFT JOIN LATERAL (
        SELECT
            concat(
                ',"programmeName":' || json_scalar(programme.programme_name)::text,
                ',"programmeNumber":' || json_scalar(programme.programme_number)::text
            ) AS fields
        FROM programme
        WHERE programme.id = programme_membership.programme_id
        OFFSET 0 -- noqa: AM09
    ) AS programme_part ON TRUE
    WHERE
        %(keys)s::bigint[] IS NULL OR programme_membership.person_id = any(%(keys)s::bigint[])
    GROUP BY programme_membership.person_id
),

document AS (
    SELECT
        person.id,
        concat(
            '{"personId":', person.id,
            ',"intrepidId":' || json_scalar(person.intrepid_id)::text,
            ',"surname":' || json_scalar(contact_details.surname)::text,
            ',"forenames":' || json_scalar(contact_details.forenames)::text,
            CASE
                WHEN contact_details.forenames IS NOT NULL OR contact_details.surname IS NOT NULL
                    THEN
                        ',"fullName":'
                        || json_scalar(concat_ws(' ', contact_details.forenames, contact_details.surname))::text
            END,
            ',"gmcNumber":' || json_scalar(gmc_details.gmc_number)::text,
            ',"gdcNumber":' || json_scalar(gdc_details.gdc_number)::text,
            ',"publicHealthNumber":' || json_scalar(person.public_health_number)::text,
            ',"gradeId":' || current_placement.grade_id,
            ',"gradeAbbreviation":' || json_scalar(current_placement.grade_abbreviation)::text,
            ',"siteId":' || current_placement.site_id,
            ',"siteCode":' || json_scalar(current_placement.site_code)::text,
            ',"placementType":' || json_scalar(current_placement.placement_type)::text,
            ',"specialty":' || json_scalar(current_placement.specialty)::text,
            ',"role":' || json_scalar(person.role)::text,
            ',"status":' || json_scalar(person.status)::text,
            ',"currentOwner":' || json_scalar(person_owner.owner)::text,
            ',"currentOwnerRule":' || json_scalar(person_owner.rule)::text,
            ',"trusts":[', trust.items,
            '],"programmeMemberships":[', membership.items, ']}'
        ) AS content
    FROM person
    INNER JOIN contact_details ON person.id = contact_details.id
    LEFT JOIN gmc_details ON person.id = gmc_details.id
    LEFT JOIN gdc_details ON person.id = gdc_details.id
    LEFT JOIN person_owner ON person.id = person_owner.id
    LEFT JOIN current_placement ON person.id = current_placement.trainee_id
    LEFT JOIN trust ON person.id = trust.person_id
    LEFT JOIN membership ON person.id = membership.person_id
    WHERE
        %(keys)s::bigint[] IS NULL OR person.id = any(%(keys)s::bigint[])
    ORDER BY person.id
    LIMIT
        (SELECT 9223372036854775807)
        OFFSET 0
)

SELECT
    '{"index":{"_id":"' || document.id || '-' || to_hex(hashtextextended(document.content, 0)) || E'"}}\n'
    || document.content || E'\n'
FROM document
