-- Job 6: the documents of a few persons, by a plain query that follows the rules word by word
-- (docs/domain.md, "6 PersonElasticSearchSyncJob"). It verifies the fast query, indices/persons/documents.sql.
-- Reads: as indices/persons/documents.sql. Writes: nothing. Parameters: run_date, keys (the ids of the persons).
-- Fast enough: it reads only a few persons, by their ids.

SELECT DISTINCT
    person.id AS person_id,
    jsonb_build_object(
        'personId', person.id,
        'intrepidId', person.intrepid_id,
        'surname', contact_details.surname,
        'forenames', contact_details.forenames,
        'fullName', coalesce(
            contact_details.forenames || ' ' || contact_details.surname,
            contact_details.forenames,
            contact_details.surname
        ),
        'gmcNumber', gmc_details.gmc_number,
        'gdcNumber', gdc_details.gdc_number,
        'publicHealthNumber', person.public_health_number,
        'gradeId', placement.grade_id,
        'gradeAbbreviation', placement.grade_abbreviation,
        'siteId', placement.site_id,
        'siteCode', placement.site_code,
        'placementType', placement.placement_type,
        'specialty', specialty.name,
        'role', person.role,
        'status', person.status,
        'currentOwner', person_owner.owner,
        'currentOwnerRule', person_owner.rule,
        'trusts', (
            SELECT jsonb_agg(DISTINCT jsonb_build_object('personId', person.id, 'trustId', person_trust.trust_id))
            FROM person_trust
            WHERE person_trust.person_id = person.id
        ),
        'programmeMemberships', (
            SELECT
                jsonb_agg(
                    jsonb_build_object(
                        'id', curriculum_membership.id,
                        'personId', person.id,
                        'programmeId', programme_membership.programme_id,
                        'programmeName', programme.programme_name,
                        'programmeNumber', programme.programme_number,
                        'programmeMembershipStatus', CASE
                            WHEN programme_membership.programme_start_date IS NULL THEN 'PAST'
                            WHEN programme_membership.programme_end_date IS NULL THEN 'PAST'
                            WHEN programme_membership.programme_start_date > %(run_date)s THEN 'FUTURE'
                            WHEN programme_membership.programme_end_date < %(run_date)s THEN 'PAST'
                            ELSE 'CURRENT'
                        END
                    )
                )
            FROM programme_membership
            INNER JOIN curriculum_membership
                ON programme_membership.uuid = curriculum_membership.programme_membership_uuid
            LEFT JOIN programme ON programme_membership.programme_id = programme.id
            WHERE programme_membership.person_id = person.id
        )
    ) AS document
FROM person
INNER JOIN contact_details ON person.id = contact_details.id
LEFT JOIN gmc_details ON person.id = gmc_details.id
LEFT JOIN gdc_details ON person.id = gdc_details.id
LEFT JOIN person_owner ON person.id = person_owner.id
LEFT JOIN placement
    ON
        person.id = placement.trainee_id
        AND placement.date_from <= %(run_date)s
        AND placement.date_to >= %(run_date)s
LEFT JOIN placement_specialty
    ON
        placement.id = placement_specialty.placement_id
        AND placement_specialty.placement_specialty_type = 'PRIMARY'
LEFT JOIN specialty ON placement_specialty.specialty_id = specialty.id
WHERE person.id = any(%(keys)s::bigint[]);
