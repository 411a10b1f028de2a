-- Demo data, step 4 of 5: careers. Memberships of programmes with their curricula, placements with their specialties.
-- Reads: demo_path_slot, demo_stage, demo_office_slot, demo_choice, demo_rotation, demo_post,
-- demo_changeover, demo_grade.
-- Writes: programme_membership, curriculum_membership, placement, placement_specialty; the temporary tables
-- demo_career, demo_membership, demo_placement.
-- Fast: each person and stage is one row, computed once (demo_career); memberships and placements come from it by
-- hash joins with tables of a few hundred rows, in the order of the persons.

-- Careers start in August: the last one that is already planned (9 months ahead), or one of the 19 before; some
-- half a year later. Between two stages some take a year out, some move to another local office, some leave for good.
CREATE TEMPORARY TABLE demo_career ON COMMIT DROP AS
SELECT
    person.id AS person_id,
    person.id::bigint * 4 + demo_stage.stage AS career_id,
    demo_stage.stage,
    demo_stage.months,
    demo_stage.placement_months,
    demo_stage.grades,
    start.month AS first_month,
    demo_rotation.programme_id,
    demo_rotation.number AS rotation,
    demo_rotation.specialty_id
FROM generate_series(1, pg_temp.persons()) AS person (id)
INNER JOIN demo_path_slot ON pg_temp.draw(person.id, 'path', 100) = demo_path_slot.slot
INNER JOIN demo_stage ON demo_path_slot.path = demo_stage.path
CROSS JOIN
    LATERAL (
        SELECT
            12 * ((pg_temp.run_month() + 2) / 12 - pg_temp.draw(person.id, 'first year', 20)) + 7
            + CASE
                WHEN demo_stage.path IN (8, 9, 11) AND pg_temp.chance(person.id, 'from February') < 0.25 THEN 6
                ELSE 0
            END
            + CASE WHEN demo_stage.stage > 1 AND pg_temp.chance(person.id, 'year out') < 0.25 THEN 12 ELSE 0 END
            + demo_stage.months_before AS month
    ) AS start
INNER JOIN demo_office_slot
    ON pg_temp.draw(
        CASE
            WHEN demo_stage.stage > 1 AND pg_temp.chance(person.id, 'moves') < 0.2 THEN -person.id
            ELSE person.id
        END, 'office', 100
    ) = demo_office_slot.slot
INNER JOIN demo_choice ON demo_office_slot.office = demo_choice.office AND demo_stage.family = demo_choice.family
INNER JOIN demo_rotation
    ON
        demo_choice.rotations[
            1 + pg_temp.draw(
                person.id::bigint * 4 + demo_stage.stage, 'rotation', cardinality(demo_choice.rotations)
            )
        ] = demo_rotation.number
WHERE
    start.month <= pg_temp.run_month() + 9
    AND (demo_stage.stage = 1 OR pg_temp.chance(person.id, 'leaves') >= 0.15)
ORDER BY career_id;

-- copy 1 is a second membership beside the first: an academic programme, or the old record of the same one.
-- Locums (path 11) have no membership.
CREATE TEMPORARY TABLE demo_membership ON COMMIT DROP AS
SELECT
    overlay(
        overlay(md5(concat_ws('/', member.id, pg_temp.draw(member.id, 'uuid', 2000000000))) placing '4' FROM 13)
        placing 'a' FROM 17
    )::uuid AS uuid,
    member.id AS member_id,
    demo_career.person_id,
    demo_career.programme_id,
    demo_career.specialty_id,
    copy.number AS copy,
    -- Those who start about now start on the run date, and some who are half way have ended the day before, so that
    -- PersonRecordStatusJob finds candidates on every day of the year.
    CASE
        WHEN
            starts.day BETWEEN pg_temp.run_date() - 30 AND pg_temp.run_date() + 270
            AND pg_temp.chance(member.id, 'starts on the run date') < 0.08
            THEN pg_temp.run_date()
        ELSE starts.day + CASE WHEN pg_temp.chance(member.id, 'late') < 0.04 THEN 14 ELSE 0 END
    END AS starts_on,
    CASE
        WHEN
            starts.day < pg_temp.run_date() - 60 AND ends.day > pg_temp.run_date()
            AND pg_temp.chance(member.id, 'ended the day before') < 0.015
            THEN pg_temp.run_date() - 1
        ELSE ends.day - 1
    END AS ends_on
FROM demo_career
CROSS JOIN
    LATERAL generate_series(
        0, CASE WHEN pg_temp.chance(demo_career.career_id, 'second membership') < 0.12 THEN 1 ELSE 0 END
    ) AS copy (number)
CROSS JOIN LATERAL (SELECT demo_career.career_id * 2 + copy.number AS id) AS member
INNER JOIN demo_changeover AS starts ON demo_career.first_month = starts.month
INNER JOIN demo_changeover AS ends
    ON
        demo_career.first_month + demo_career.months
        + CASE WHEN pg_temp.chance(member.id, 'extension') < 0.08 THEN 6 ELSE 0 END
        = ends.month
WHERE demo_career.grades <> ARRAY['TD']
ORDER BY member_id;

INSERT INTO programme_membership (
    uuid, person_id, programme_id, programme_membership_type, programme_start_date, programme_end_date
)
SELECT
    demo_membership.uuid,
    CASE
        WHEN pg_temp.chance(demo_membership.member_id, 'membership of nobody') < 0.0005
            THEN pg_temp.persons() + demo_membership.person_id
        ELSE demo_membership.person_id
    END AS person_id,
    CASE
        WHEN pg_temp.chance(demo_membership.member_id, 'programme of membership') < 0.001 THEN NULL
        WHEN pg_temp.chance(demo_membership.member_id, 'programme of membership') < 0.002
            THEN 100000 + demo_membership.programme_id
        ELSE demo_membership.programme_id
    END AS programme_id,
    CASE
        WHEN demo_membership.copy = 1 THEN 'ACADEMIC'
        WHEN pg_temp.chance(demo_membership.member_id, 'membership type') < 0.03 THEN 'LAT'
        WHEN pg_temp.chance(demo_membership.member_id, 'membership type') < 0.05 THEN 'FTSTA'
        WHEN pg_temp.chance(demo_membership.member_id, 'membership type') < 0.06 THEN 'MILITARY'
        WHEN pg_temp.chance(demo_membership.member_id, 'membership type') < 0.07 THEN 'VISITOR'
        WHEN pg_temp.chance(demo_membership.member_id, 'membership type') < 0.08 THEN NULL
        ELSE 'SUBSTANTIVE'
    END AS programme_membership_type,
    CASE
        WHEN pg_temp.chance(demo_membership.member_id, 'membership dates') >= 0.003
            THEN demo_membership.starts_on
    END AS programme_start_date,
    CASE
        WHEN pg_temp.chance(demo_membership.member_id, 'membership dates') NOT BETWEEN 0.002 AND 0.007
            THEN demo_membership.ends_on
    END AS programme_end_date
FROM demo_membership
ORDER BY demo_membership.member_id;

-- A membership has its specialty's curriculum; some have a second one; some have none.
INSERT INTO curriculum_membership (
    id, programme_membership_uuid, curriculum_id, curriculum_start_date, curriculum_end_date
)
SELECT
    row_number() OVER (ORDER BY demo_membership.member_id, curriculum.number) AS id,
    CASE
        WHEN pg_temp.chance(demo_membership.member_id, 'curriculum of no membership') < 0.0005
            THEN md5(demo_membership.uuid::text)::uuid
        ELSE demo_membership.uuid
    END AS programme_membership_uuid,
    demo_membership.specialty_id * 10 + curriculum.number AS curriculum_id,
    demo_membership.starts_on,
    demo_membership.ends_on
FROM demo_membership
CROSS JOIN
    LATERAL generate_series(
        1,
        CASE
            WHEN pg_temp.chance(demo_membership.member_id, 'curricula') < 0.02 THEN 0
            WHEN pg_temp.chance(demo_membership.member_id, 'curricula') < 0.25 THEN 2
            ELSE 1
        END
    ) AS curriculum (number);

-- Placements are known for the last years only (older ones were not copied to TIS) and for the next 8 months.
-- copy 1 is a second placement at the same time, in the same post (a record made twice) or in another one.
CREATE TEMPORARY TABLE demo_placement ON COMMIT DROP AS
SELECT
    row_number() OVER (ORDER BY turn_id.value, copy.number) AS id,
    turn_id.value AS turn_id,
    copy.number AS copy,
    demo_career.person_id,
    demo_grade.id AS grade_id,
    demo_grade.abbreviation AS grade_abbreviation,
    starts.day AS starts_on,
    ends.day - 1 AS ends_on,
    1 + mod(
        demo_career.rotation - 1
        + rotations.total * pg_temp.draw(
            turn_id.value * 2
            + CASE WHEN pg_temp.chance(turn_id.value, 'alike') < 0.4 THEN 0 ELSE copy.number END,
            'post', pg_temp.posts() / rotations.total + 1
        ),
        pg_temp.posts()
    ) AS post_id
FROM demo_career
CROSS JOIN (SELECT count(*)::integer AS total FROM demo_rotation) AS rotations
CROSS JOIN
    LATERAL generate_series(
        greatest(0, (pg_temp.run_month() - 12 * 5 - demo_career.first_month) / demo_career.placement_months),
        least(
            demo_career.months / demo_career.placement_months - 1,
            (pg_temp.run_month() + 8 - demo_career.first_month) / demo_career.placement_months
        )
    ) AS turn (number)
CROSS JOIN LATERAL (SELECT demo_career.career_id * 32 + turn.number AS value) AS turn_id
CROSS JOIN
    LATERAL generate_series(
        0, CASE WHEN pg_temp.chance(turn_id.value, 'second placement') < 0.025 THEN 1 ELSE 0 END
    ) AS copy (number)
INNER JOIN demo_changeover AS starts
    ON demo_career.first_month + turn.number * demo_career.placement_months = starts.month
INNER JOIN demo_changeover AS ends
    ON demo_career.first_month + (turn.number + 1) * demo_career.placement_months = ends.month
INNER JOIN demo_grade
    ON demo_career.grades[1 + turn.number * demo_career.placement_months / 12] = demo_grade.abbreviation;

INSERT INTO placement (
    id, trainee_id, post_id, date_from, date_to, grade_id, grade_abbreviation, site_id, site_code, placement_type
)
SELECT
    demo_placement.id,
    CASE
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement of nobody') < 0.0005
            THEN pg_temp.persons() + demo_placement.person_id
        ELSE demo_placement.person_id
    END AS trainee_id,
    CASE
        WHEN pg_temp.chance(demo_placement.turn_id, 'post of placement') < 0.001 THEN NULL
        WHEN pg_temp.chance(demo_placement.turn_id, 'post of placement') < 0.002
            THEN pg_temp.posts() + demo_placement.post_id
        ELSE demo_placement.post_id
    END AS post_id,
    CASE
        WHEN pg_temp.chance(demo_placement.turn_id, 'dates of placement') < 0.002 THEN NULL
        -- First and last day are swapped.
        WHEN pg_temp.chance(demo_placement.turn_id, 'dates of placement') BETWEEN 0.005 AND 0.0055
            THEN demo_placement.ends_on
        WHEN
            demo_placement.starts_on BETWEEN pg_temp.run_date() AND pg_temp.run_date() + 270
            AND pg_temp.chance(demo_placement.turn_id, 'starts about now') < 0.04
            THEN pg_temp.run_date() + pg_temp.draw(demo_placement.turn_id, 'days from now', 3)
        ELSE demo_placement.starts_on
    END AS date_from,
    CASE
        WHEN pg_temp.chance(demo_placement.turn_id, 'dates of placement') BETWEEN 0.001 AND 0.005 THEN NULL
        WHEN pg_temp.chance(demo_placement.turn_id, 'dates of placement') BETWEEN 0.005 AND 0.0055
            THEN demo_placement.starts_on
        WHEN
            demo_placement.starts_on < pg_temp.run_date() - 2 AND demo_placement.ends_on >= pg_temp.run_date()
            AND pg_temp.chance(demo_placement.turn_id, 'ends about now') < 0.02
            THEN pg_temp.run_date() - 2 + pg_temp.draw(demo_placement.turn_id, 'days before now', 3)
        ELSE demo_placement.ends_on
    END AS date_to,
    demo_placement.grade_id,
    demo_placement.grade_abbreviation,
    -- Some sites were never found in the list of sites.
    CASE
        WHEN pg_temp.chance(demo_post.id, 'post without site') >= 0.01
            THEN demo_post.trust_id * 10 + demo_post.site_number
    END AS site_id,
    CASE
        WHEN pg_temp.chance(demo_post.id, 'post without site') >= 0.005
            THEN demo_post.site_code
    END AS site_code,
    CASE
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.80 THEN 'In post'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.85 THEN 'In post - Extension'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.88 THEN 'In Post - Acting Up'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.93 THEN 'Parental Leave'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.94 THEN 'Long-term sick'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.945 THEN 'Phased Return'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.947 THEN 'Suspended'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.96 THEN 'OOPT'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.975 THEN 'OOPR'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.99 THEN 'OOPE'
        WHEN pg_temp.chance(demo_placement.turn_id, 'placement type') < 0.998 THEN 'OOPC'
    END AS placement_type
FROM demo_placement
INNER JOIN demo_post ON demo_placement.post_id = demo_post.id
ORDER BY demo_placement.id;

-- PRIMARY is the post's specialty; a few placements have none, a few a second one by mistake. OTHER and SUB_SPECIALTY
-- come on top.
INSERT INTO placement_specialty (placement_id, specialty_id, placement_specialty_type)
SELECT
    demo_placement.id,
    CASE
        WHEN pg_temp.chance(demo_placement.turn_id, 'specialty is gone') < 0.0003 THEN 9999
        ELSE 1 + mod(demo_post.specialty_id - 1 + kind.distance, specialties.total)
    END AS specialty_id,
    kind.placement_specialty_type
FROM demo_placement
CROSS JOIN (SELECT count(*) AS total FROM demo_specialty) AS specialties
INNER JOIN demo_post ON demo_placement.post_id = demo_post.id
INNER JOIN (
    VALUES
    ('PRIMARY', 0, 10, 999),
    ('PRIMARY', 3, 990, 994),
    ('OTHER', 1, 100, 199),
    ('SUB_SPECIALTY', 2, 200, 239)
) AS kind (placement_specialty_type, distance, first_slot, last_slot)
    ON pg_temp.draw(demo_placement.turn_id, 'specialties', 1000) BETWEEN kind.first_slot AND kind.last_slot
ORDER BY demo_placement.id, kind.distance;
