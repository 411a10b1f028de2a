-- Demo data, step 5 of 5: the persons themselves, with contact details and registration numbers.
-- Reads: programme_membership (for the status), demo_path_slot, demo_culture_slot and the words of names.
-- Writes: person, contact_details, gmc_details, gdc_details. Statistics of all tables. Drops the functions of step 1.
-- Fast: one pass over the persons for each table, names by hash joins.

-- The status as the jobs left it yesterday (so those who start today or ended yesterday have the old one), but for
-- some that are wrong, and some that were deleted.
INSERT INTO person (id, intrepid_id, status, role, public_health_number, added_date, amended_date)
SELECT
    person.id,
    CASE
        WHEN pg_temp.chance(person.id, 'intrepid id') < 0.7
            THEN (1000000 + pg_temp.draw(person.id, 'intrepid number', 9000000))::text
    END AS intrepid_id,
    CASE
        WHEN pg_temp.chance(person.id, 'status') < 0.002 THEN 'DELETE'
        WHEN pg_temp.chance(person.id, 'status') < 0.012
            THEN CASE WHEN membership.was_current THEN 'INACTIVE' ELSE 'CURRENT' END
        WHEN membership.was_current THEN 'CURRENT'
        ELSE 'INACTIVE'
    END AS status,
    CASE
        WHEN demo_path_slot.path = 12
            THEN
                (
                    ARRAY[
                        'Educational Supervisor', 'Clinical Supervisor', 'Educational Supervisor,Clinical Supervisor',
                        'Training Programme Director', 'College Tutor,Educational Supervisor', 'Placeholder'
                    ]
                )[1 + pg_temp.draw(person.id, 'role', 6)]
        WHEN pg_temp.chance(person.id, 'role') < 0.90 THEN 'DR in Training'
        WHEN pg_temp.chance(person.id, 'role') < 0.94 THEN 'DR in Training,Clinical Supervisor'
        WHEN pg_temp.chance(person.id, 'role') < 0.96 THEN 'DR in Training,Educational Supervisor,Leave Approver'
        WHEN pg_temp.chance(person.id, 'role') < 0.98 THEN 'Trust Doctor,DR in Training'
        WHEN pg_temp.chance(person.id, 'role') < 0.99 THEN ''
    END AS role,
    CASE
        WHEN pg_temp.chance(person.id, 'public health number') < 0.03
            THEN 'FR' || lpad(pg_temp.draw(person.id, 'register of public health', 10000)::text, 4, '0')
        WHEN pg_temp.chance(person.id, 'public health number') < 0.05 THEN 'N/A'
    END AS public_health_number,
    added.at AT TIME ZONE 'UTC' AS added_date,
    (added.at + added.days_ago * pg_temp.chance(person.id, 'amended') * interval '1 day') AT TIME ZONE 'UTC'
        AS amended_date
FROM generate_series(1, pg_temp.persons()) AS person (id)
INNER JOIN demo_path_slot ON pg_temp.draw(person.id, 'path', 100) = demo_path_slot.slot
LEFT JOIN (
    SELECT
        programme_membership.person_id,
        bool_or(
            programme_membership.programme_start_date <= pg_temp.run_date() - 1
            AND programme_membership.programme_end_date >= pg_temp.run_date() - 1
        ) AS was_current
    FROM programme_membership
    GROUP BY programme_membership.person_id
) AS membership ON person.id = membership.person_id
CROSS JOIN
    LATERAL (
        SELECT
            pg_temp.draw(person.id, 'added', 6000) AS days_ago,
            pg_temp.run_date() - 1 - pg_temp.draw(person.id, 'added', 6000) + time '08:30' AS at
    ) AS added
ORDER BY person.id;

-- Names: a third have two forenames, some a double-barrelled surname, some only one name.
INSERT INTO contact_details (id, surname, forenames, known_as, email)
SELECT
    person.id,
    CASE
        WHEN pg_temp.chance(person.id, 'kind of surname') < 0.002 THEN NULL
        WHEN pg_temp.chance(person.id, 'kind of surname') < 0.01 THEN upper(name.surname)
        WHEN name.second_surname = name.surname THEN name.surname
        WHEN pg_temp.chance(person.id, 'kind of surname') < 0.07 THEN name.surname || '-' || name.second_surname
        WHEN pg_temp.chance(person.id, 'kind of surname') < 0.09 THEN name.surname || ' ' || name.second_surname
        ELSE name.surname
    END AS surname,
    CASE
        WHEN pg_temp.chance(person.id, 'kind of forenames') < 0.003 THEN NULL
        WHEN name.second_forename = name.forename THEN name.forename
        WHEN pg_temp.chance(person.id, 'kind of forenames') < 0.33 THEN name.forename || ' ' || name.second_forename
        ELSE name.forename
    END AS forenames,
    CASE
        WHEN pg_temp.chance(person.id, 'known by') < 0.15 THEN name.known_as
        WHEN pg_temp.chance(person.id, 'known by') < 0.30 THEN name.forename
    END AS known_as,
    CASE
        WHEN pg_temp.chance(person.id, 'no email') >= 0.02
            THEN
                'person' || person.id || '@'
                || (ARRAY['example.org', 'example.com', 'example.net', 'mail.example.org'])[
                    1 + pg_temp.draw(person.id, 'email', 4)
                ]
    END AS email
FROM generate_series(1, pg_temp.persons()) AS person (id)
INNER JOIN demo_culture_slot AS word ON pg_temp.draw(person.id, 'culture', 100) = word.slot
CROSS JOIN
    LATERAL (
        SELECT
            word.surnames[1 + pg_temp.draw(person.id, 'surname', cardinality(word.surnames))] AS surname,
            word.surnames[1 + pg_temp.draw(person.id, 'second surname', cardinality(word.surnames))] AS second_surname,
            word.forenames[1 + pg_temp.draw(person.id, 'forename', cardinality(word.forenames))] AS forename,
            word.forenames[1 + pg_temp.draw(person.id, 'second forename', cardinality(word.forenames))]
                AS second_forename,
            word.known_as[1 + pg_temp.draw(person.id, 'known as', cardinality(word.known_as))] AS known_as
    ) AS name
WHERE pg_temp.chance(person.id, 'no contact details') >= 0.007
ORDER BY person.id;

-- Doctors have seven digits at the GMC, all different (7919 and 7 million have no common factor); dentists (path 10)
-- five or six at the GDC; a few dentists have both.
INSERT INTO gmc_details (id, gmc_number, gmc_status)
SELECT
    person.id,
    CASE
        WHEN pg_temp.chance(person.id, 'gmc number') < 0.005 THEN NULL
        WHEN pg_temp.chance(person.id, 'gmc number') < 0.015 THEN 'UNKNOWN'
        ELSE (mod(person.id::bigint * 7919, 7000000) + 1000000)::text
    END AS gmc_number,
    CASE
        WHEN pg_temp.chance(person.id, 'gmc status') < 0.90 THEN 'Registered with Licence'
        WHEN pg_temp.chance(person.id, 'gmc status') < 0.95 THEN 'Registered without Licence'
        WHEN pg_temp.chance(person.id, 'gmc status') < 0.98 THEN 'Provisionally Registered with Licence'
    END AS gmc_status
FROM generate_series(1, pg_temp.persons()) AS person (id)
INNER JOIN demo_path_slot ON pg_temp.draw(person.id, 'path', 100) = demo_path_slot.slot
WHERE
    demo_path_slot.path <> 10 AND pg_temp.chance(person.id, 'no gmc details') >= 0.01
    OR pg_temp.chance(person.id, 'no gmc details') >= 0.95
ORDER BY person.id;

INSERT INTO gdc_details (id, gdc_number, gdc_status)
SELECT
    person.id,
    CASE
        WHEN pg_temp.chance(person.id, 'gdc number') >= 0.01
            THEN (mod(person.id::bigint * 7919, 290000) + 10000)::text
    END AS gdc_number,
    CASE WHEN pg_temp.chance(person.id, 'gdc status') < 0.95 THEN 'Registered' END AS gdc_status
FROM generate_series(1, pg_temp.persons()) AS person (id)
INNER JOIN demo_path_slot ON pg_temp.draw(person.id, 'path', 100) = demo_path_slot.slot
WHERE demo_path_slot.path = 10 AND pg_temp.chance(person.id, 'no gdc details') >= 0.01
ORDER BY person.id;

ANALYZE person, contact_details, gmc_details, gdc_details, specialty, programme, post, post_funding, placement,
placement_specialty, programme_membership, curriculum_membership;

DROP FUNCTION pg_temp.persons, pg_temp.posts, pg_temp.run_date, pg_temp.run_month, pg_temp.draw, pg_temp.chance;
