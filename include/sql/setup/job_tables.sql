-- The three tables that the jobs own (docs/domain.md, "Tables").
-- No foreign keys to the application's tables: references dangle there, and a rebuild must never wait for them.

CREATE TABLE IF NOT EXISTS person_owner (
    id bigint PRIMARY KEY,
    owner text,
    rule text
);

CREATE TABLE IF NOT EXISTS person_trust (
    person_id bigint NOT NULL,
    trust_id bigint NOT NULL,
    body text NOT NULL CHECK (body IN ('EMPLOYING', 'TRAINING')),
    PRIMARY KEY (person_id, trust_id, body)
);

CREATE TABLE IF NOT EXISTS post_trust (
    post_id bigint NOT NULL,
    trust_id bigint NOT NULL,
    body text NOT NULL CHECK (body IN ('EMPLOYING', 'TRAINING')),
    PRIMARY KEY (post_id, trust_id, body)
);
