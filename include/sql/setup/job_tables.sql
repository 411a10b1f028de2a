-- The tables that the jobs own (docs/domain.md, "Tables").
-- They have no foreign keys: the application's tables contain dangling references, and a rebuild must not wait for the
-- locks that foreign keys take.

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
