-- The tables of the TIS application that the jobs read (docs/domain.md, "Tables"), for the local stack and the tests.
-- In production the application owns and fills them. No foreign keys: in real data references dangle.

CREATE TABLE IF NOT EXISTS person (
    id bigint PRIMARY KEY,
    intrepid_id text,
    status text,
    role text,
    public_health_number text,
    added_date timestamptz,
    amended_date timestamptz
);

CREATE TABLE IF NOT EXISTS contact_details (
    id bigint PRIMARY KEY,
    surname text,
    forenames text,
    known_as text,
    email text
);

CREATE TABLE IF NOT EXISTS gmc_details (
    id bigint PRIMARY KEY,
    gmc_number text,
    gmc_status text
);

CREATE TABLE IF NOT EXISTS gdc_details (
    id bigint PRIMARY KEY,
    gdc_number text,
    gdc_status text
);

CREATE TABLE IF NOT EXISTS specialty (
    id bigint PRIMARY KEY,
    specialty_code text,
    name text
);

CREATE TABLE IF NOT EXISTS programme (
    id bigint PRIMARY KEY,
    owner text,
    programme_name text,
    programme_number text,
    status text
);

CREATE TABLE IF NOT EXISTS post (
    id bigint PRIMARY KEY,
    national_post_number text,
    status text,
    owner text,
    employing_body_id bigint,
    training_body_id bigint,
    funding_status text
);

CREATE TABLE IF NOT EXISTS post_funding (
    id bigint PRIMARY KEY,
    post_id bigint,
    funding_type text,
    start_date date,
    end_date date
);

CREATE TABLE IF NOT EXISTS placement (
    id bigint PRIMARY KEY,
    trainee_id bigint,
    post_id bigint,
    date_from date,
    date_to date,
    grade_id bigint,
    grade_abbreviation text,
    site_id bigint,
    site_code text,
    placement_type text
);

CREATE TABLE IF NOT EXISTS placement_specialty (
    placement_id bigint,
    specialty_id bigint,
    placement_specialty_type text
);

CREATE TABLE IF NOT EXISTS programme_membership (
    uuid uuid PRIMARY KEY,
    person_id bigint,
    programme_id bigint,
    programme_membership_type text,
    programme_start_date date,
    programme_end_date date
);

CREATE TABLE IF NOT EXISTS curriculum_membership (
    id bigint PRIMARY KEY,
    programme_membership_uuid uuid,
    curriculum_id bigint,
    curriculum_start_date date,
    curriculum_end_date date
);
