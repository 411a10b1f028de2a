-- Demo data, step 3 of 5: training. Specialties, programmes, posts and their fundings.
-- Reads: demo_office, demo_office_slot, demo_trust, demo_specialty.
-- Writes: specialty, programme, post, post_funding; the temporary tables demo_programme, demo_rotation,
-- demo_choice, demo_post, demo_funding_*.
-- Fast: posts are dealt out to rotations like cards (post 1 to rotation 1, ...), so that a placement finds a post of
-- its rotation by arithmetic, without a search.

INSERT INTO specialty (id, specialty_code, name)
SELECT
    demo_specialty.id,
    demo_specialty.code,
    demo_specialty.name
FROM demo_specialty
ORDER BY demo_specialty.id;

-- One programme per specialty and local office; for foundation and general practice, one per place.
CREATE TEMPORARY TABLE demo_programme ON COMMIT DROP AS
SELECT
    row_number() OVER programme_order AS id,
    demo_office.number AS office,
    demo_specialty.id AS specialty_id,
    demo_specialty.family,
    demo_office.owner,
    demo_office.post_prefix,
    demo_specialty.code AS specialty_code,
    demo_specialty.name || ' - ' || place.name AS programme_name,
    demo_office.programme_prefix
    || lpad((row_number() OVER (PARTITION BY demo_office.number ORDER BY demo_specialty.id, place.name))::text, 3, '0')
        AS programme_number,
    greatest(1, round(demo_specialty.weight * demo_office.share / 6.0))::integer AS rotations
FROM demo_office
INNER JOIN demo_specialty ON demo_office.share >= demo_specialty.smallest_share
CROSS JOIN
    LATERAL unnest(
        CASE
            WHEN demo_specialty.family IN ('foundation', 'general practice') THEN demo_office.places
            ELSE ARRAY[demo_office.short_name]
        END
    ) AS place (name)
WINDOW programme_order AS (ORDER BY demo_office.number, demo_specialty.id, place.name);

INSERT INTO programme (id, owner, programme_name, programme_number, status)
SELECT
    demo_programme.id,
    CASE WHEN pg_temp.chance(demo_programme.id, 'programme without owner') >= 0.012 THEN demo_programme.owner END
        AS owner,
    demo_programme.programme_name,
    CASE
        WHEN pg_temp.chance(demo_programme.id, 'programme without number') >= 0.01
            THEN demo_programme.programme_number
    END AS programme_number,
    CASE WHEN pg_temp.chance(demo_programme.id, 'inactive programme') < 0.04 THEN 'INACTIVE' ELSE 'CURRENT' END
        AS status
FROM demo_programme
ORDER BY demo_programme.id;

-- A rotation is a set of posts of one programme. Rotations are numbered in shuffled order, so that few posts, too,
-- are spread over all offices. post_rank of post_ranks is its place among those whose national post numbers start
-- alike.
CREATE TEMPORARY TABLE demo_rotation ON COMMIT DROP AS
SELECT
    demo_programme.id AS programme_id,
    demo_programme.office,
    demo_programme.specialty_id,
    demo_programme.family,
    demo_programme.owner,
    demo_programme.post_prefix,
    demo_programme.specialty_code,
    row_number() OVER (
        ORDER BY
            pg_temp.draw(demo_programme.id * 1000 + rotation.number, 'shuffle', 1000000000),
            demo_programme.id,
            rotation.number
    ) AS number,
    row_number() OVER post_number_order AS post_rank,
    count(*) OVER post_number AS post_ranks
FROM demo_programme
CROSS JOIN LATERAL generate_series(1, demo_programme.rotations) AS rotation (number)
WINDOW
    post_number AS (PARTITION BY demo_programme.post_prefix, demo_programme.specialty_code),
    post_number_order AS (
        PARTITION BY demo_programme.post_prefix, demo_programme.specialty_code
        ORDER BY demo_programme.id, rotation.number
    );

-- The rotations to choose from, by office and family.
CREATE TEMPORARY TABLE demo_choice ON COMMIT DROP AS
SELECT
    demo_rotation.office,
    demo_rotation.family,
    array_agg(demo_rotation.number ORDER BY demo_rotation.number) AS rotations
FROM demo_rotation
GROUP BY demo_rotation.office, demo_rotation.family;

ANALYZE demo_rotation, demo_choice;

-- site_number 1 to 4 within its trust. A post of a family that rotates (foundation and the first stages) is a post in
-- some specialty of a hospital. Rotation r has the posts r, r + rotations, r + 2 * rotations, ...
CREATE TEMPORARY TABLE demo_post ON COMMIT DROP AS
SELECT
    post.id,
    demo_rotation.owner,
    demo_rotation.post_prefix,
    demo_rotation.specialty_code,
    demo_rotation.family,
    demo_trust.id AS trust_id,
    demo_trust.code AS trust_code,
    site.number AS site_number,
    demo_trust.code || lpad(site.number::text, 2, '0') AS site_code,
    (post.id - 1) / rotations.total * demo_rotation.post_ranks + demo_rotation.post_rank AS serial,
    CASE
        WHEN
            demo_rotation.family IN ('foundation', 'core medicine', 'core surgery', 'dental core')
            OR demo_rotation.family = 'general practice' AND pg_temp.chance(post.id, 'in hospital') < 0.5
            THEN hospital.first_id + pg_temp.draw(post.id, 'hospital specialty', hospital.specialties)
        ELSE demo_rotation.specialty_id
    END AS specialty_id
FROM generate_series(1, pg_temp.posts()) AS post (id)
CROSS JOIN (SELECT max(rotation.number)::integer AS total FROM demo_rotation AS rotation) AS rotations
CROSS JOIN (
    SELECT
        min(demo_specialty.id) AS first_id,
        count(*)::integer AS specialties
    FROM demo_specialty
    WHERE demo_specialty.family IN ('medicine', 'surgery', 'run-through')
) AS hospital
INNER JOIN demo_rotation ON 1 + mod(post.id - 1, rotations.total) = demo_rotation.number
INNER JOIN demo_office ON demo_rotation.office = demo_office.number
INNER JOIN demo_trust
    ON demo_office.first_slot * 3 + 1 + pg_temp.draw(post.id, 'trust', demo_office.share * 3) = demo_trust.id
CROSS JOIN LATERAL (SELECT 1 + pg_temp.draw(post.id, 'site', 4) AS number) AS site;

-- How posts are funded: a share of the posts in tenths of a per cent, the funding status that TIS shows this morning,
-- and the fundings, whose dates are drawn from a number of days (spread) that starts so many days from the run date.
-- "was CURRENT, ended yesterday" is the case that PostFundingStatusSyncJob corrects.
CREATE TEMPORARY TABLE demo_funding_kind ON COMMIT DROP AS
SELECT
    kind.*,
    (sum(kind.share) OVER (ORDER BY kind.number) - kind.share)::integer AS first_slot
FROM (
    VALUES
    (1, 700, 'CURRENT'), -- open-ended
    (2, 130, 'CURRENT'), -- will end
    (3, 70, 'INACTIVE'), -- all ended long ago
    (4, 5, 'CURRENT'), -- all ended long ago, which a missed night has left wrong
    (5, 10, 'CURRENT'), -- ended yesterday
    (6, 6, 'CURRENT'), -- two, the last of which ended yesterday
    (7, 10, 'CURRENT'), -- ended yesterday, another goes on
    (8, 5, 'CURRENT'), -- ended yesterday, its start is unknown
    (9, 9, 'CURRENT'), -- ends on the run date
    (10, 15, 'CURRENT'), -- no dates
    (11, 40, NULL) -- not funded
) AS kind (number, share, funding_status);

CREATE TEMPORARY TABLE demo_funding_term ON COMMIT DROP AS
SELECT term.*
FROM (
    VALUES
    (1, 1, -3000, 2900, NULL, NULL),
    (2, 1, -2500, 2400, 1, 1200),
    (3, 1, -4000, 1800, -2000, 1990),
    (3, 2, -4400, 300, -4000, 1000),
    (4, 1, -2000, 900, -1000, 990),
    (5, 1, -1500, 1400, -1, 1),
    (6, 1, -3000, 1000, -1900, 1800),
    (6, 2, -1500, 1400, -1, 1),
    (7, 1, -1500, 1400, -1, 1),
    (7, 2, 0, 1, NULL, NULL),
    (8, 1, NULL, NULL, -1, 1),
    (9, 1, -1500, 1400, 0, 1),
    (10, 1, NULL, NULL, NULL, NULL)
) AS term (kind, number, start_from, start_spread, end_from, end_spread);

CREATE TEMPORARY TABLE demo_funding_slot ON COMMIT DROP AS
SELECT
    slot.number AS slot,
    demo_funding_kind.number AS kind,
    demo_funding_kind.funding_status
FROM demo_funding_kind
CROSS JOIN LATERAL generate_series(
    demo_funding_kind.first_slot, demo_funding_kind.first_slot + demo_funding_kind.share - 1
) AS slot (number);

ANALYZE demo_funding_slot, demo_funding_term;

INSERT INTO post (id, national_post_number, status, owner, employing_body_id, training_body_id, funding_status)
SELECT
    demo_post.id,
    demo_post.post_prefix || '/' || demo_post.site_code || '/' || demo_post.specialty_code || '/'
    || CASE demo_post.family
        WHEN 'foundation' THEN 'FY' || 1 + mod(demo_post.serial, 2)
        WHEN 'general practice' THEN 'GPST'
        WHEN 'core medicine' THEN 'CT'
        WHEN 'core surgery' THEN 'CT'
        WHEN 'core anaesthetics' THEN 'CT'
        WHEN 'core psychiatry' THEN 'CT'
        WHEN 'dental foundation' THEN 'DFT'
        WHEN 'dental core' THEN 'DCT'
        ELSE 'STR'
    END
    || '/'
    || lpad(demo_post.serial::text, greatest(3, length(demo_post.serial::text)), '0') AS national_post_number,
    CASE
        WHEN pg_temp.chance(demo_post.id, 'post status') < 0.002 THEN 'DELETE'
        WHEN pg_temp.chance(demo_post.id, 'post status') < 0.09 THEN 'INACTIVE'
        ELSE 'CURRENT'
    END AS status,
    CASE WHEN pg_temp.chance(demo_post.id, 'post without owner') >= 0.01 THEN demo_post.owner END AS owner,
    CASE WHEN pg_temp.chance(demo_post.id, 'post without employing body') >= 0.02 THEN demo_post.trust_id END
        AS employing_body_id,
    -- Some trainees are employed by one trust and trained by another of the three that are neighbours.
    CASE
        WHEN pg_temp.chance(demo_post.id, 'training body') < 0.03 THEN NULL
        WHEN pg_temp.chance(demo_post.id, 'training body') < 0.20
            THEN (demo_post.trust_id - 1) / 3 * 3 + 1 + pg_temp.draw(demo_post.id, 'neighbour', 3)
        ELSE demo_post.trust_id
    END AS training_body_id,
    demo_funding_slot.funding_status
FROM demo_post
INNER JOIN demo_funding_slot ON pg_temp.draw(demo_post.id, 'funding', 1000) = demo_funding_slot.slot
ORDER BY demo_post.id;

INSERT INTO post_funding (id, post_id, funding_type, start_date, end_date)
SELECT
    row_number() OVER (ORDER BY demo_post.id, demo_funding_term.number) AS id,
    -- Some fundings are left over from posts that were removed.
    CASE
        WHEN pg_temp.chance(demo_post.id, 'funding of no post') < 0.004 THEN pg_temp.posts() + demo_post.id
        ELSE demo_post.id
    END AS post_id,
    (ARRAY['TARIFF', 'TARIFF', 'TARIFF', 'TRUST', 'TRUST', 'ACADEMIC', 'SUPERNUMERARY', 'HEE - GENERAL', NULL])[
        1 + pg_temp.draw(demo_post.id, 'funding type', 9)
    ] AS funding_type,
    pg_temp.run_date() + demo_funding_term.start_from
    + pg_temp.draw(demo_post.id * 4 + demo_funding_term.number, 'funding start', demo_funding_term.start_spread)
        AS start_date,
    pg_temp.run_date() + demo_funding_term.end_from
    + pg_temp.draw(demo_post.id * 4 + demo_funding_term.number, 'funding end', demo_funding_term.end_spread) AS end_date
FROM demo_post
INNER JOIN demo_funding_slot ON pg_temp.draw(demo_post.id, 'funding', 1000) = demo_funding_slot.slot
INNER JOIN demo_funding_term ON demo_funding_slot.kind = demo_funding_term.kind;
