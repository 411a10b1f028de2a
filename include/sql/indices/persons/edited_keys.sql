-- Persons whose documents may have changed since an earlier snapshot, by inserts, updates or deletes in any table
-- that documents are made of (docs/design.md, "No edit is lost"); in the order of their ids.
-- Reads: all that indices/persons/documents.sql reads. Writes: nothing.
-- Parameters: gone, since, oldest_multixact. It is asked twice:
-- gone TRUE, in the earlier snapshot itself, which still sees every row that has been updated or deleted since: those
-- carry the transaction that did it (xmax), which is none older than since; or, where others held locks on the row at
-- that time, a multixact, whose number tells nothing of its age: every multixact that there still is counts. Old locks
-- and writes that were rolled back leave a number as well, an older one. A person too many does no harm.
-- gone FALSE, in the later snapshot: rows written by a transaction (xmin) that the earlier one, whose oldest running
-- transaction was since, may not have seen. (A frozen row may show a number from before the last wraparound.)
-- Fast: one pass over each table, and a join for the few rows found; no index could serve. The condition stands in
-- each part: written once, over all of them together, it takes half as long again or twice as long.

SELECT edited.person_id
FROM (
    SELECT person.id AS person_id
    FROM person
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    person.xmax <> '0'::xid
                    AND (
                        age(person.xmax) <= age(%(since)s::xid)
                        OR mxid_age(person.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(person.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT contact_details.id AS person_id
    FROM contact_details
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    contact_details.xmax <> '0'::xid
                    AND (
                        age(contact_details.xmax) <= age(%(since)s::xid)
                        OR mxid_age(contact_details.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(contact_details.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT gmc_details.id AS person_id
    FROM gmc_details
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    gmc_details.xmax <> '0'::xid
                    AND (
                        age(gmc_details.xmax) <= age(%(since)s::xid)
                        OR mxid_age(gmc_details.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(gmc_details.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT gdc_details.id AS person_id
    FROM gdc_details
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    gdc_details.xmax <> '0'::xid
                    AND (
                        age(gdc_details.xmax) <= age(%(since)s::xid)
                        OR mxid_age(gdc_details.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(gdc_details.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT person_owner.id AS person_id
    FROM person_owner
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    person_owner.xmax <> '0'::xid
                    AND (
                        age(person_owner.xmax) <= age(%(since)s::xid)
                        OR mxid_age(person_owner.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(person_owner.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT person_trust.person_id
    FROM person_trust
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    person_trust.xmax <> '0'::xid
                    AND (
                        age(person_trust.xmax) <= age(%(since)s::xid)
                        OR mxid_age(person_trust.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(person_trust.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT placement.trainee_id AS person_id
    FROM placement
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    placement.xmax <> '0'::xid
                    AND (
                        age(placement.xmax) <= age(%(since)s::xid)
                        OR mxid_age(placement.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(placement.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT placement.trainee_id AS person_id
    FROM placement_specialty
    INNER JOIN placement ON placement_specialty.placement_id = placement.id
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    placement_specialty.xmax <> '0'::xid
                    AND (
                        age(placement_specialty.xmax) <= age(%(since)s::xid)
                        OR mxid_age(placement_specialty.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(placement_specialty.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT placement.trainee_id AS person_id
    FROM placement_specialty
    INNER JOIN specialty ON placement_specialty.specialty_id = specialty.id
    INNER JOIN placement ON placement_specialty.placement_id = placement.id
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    specialty.xmax <> '0'::xid
                    AND (
                        age(specialty.xmax) <= age(%(since)s::xid)
                        OR mxid_age(specialty.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(specialty.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT programme_membership.person_id
    FROM programme_membership
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    programme_membership.xmax <> '0'::xid
                    AND (
                        age(programme_membership.xmax) <= age(%(since)s::xid)
                        OR mxid_age(programme_membership.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(programme_membership.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT programme_membership.person_id
    FROM curriculum_membership
    INNER JOIN programme_membership ON curriculum_membership.programme_membership_uuid = programme_membership.uuid
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    curriculum_membership.xmax <> '0'::xid
                    AND (
                        age(curriculum_membership.xmax) <= age(%(since)s::xid)
                        OR mxid_age(curriculum_membership.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(curriculum_membership.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
    UNION
    SELECT programme_membership.person_id
    FROM programme
    INNER JOIN programme_membership ON programme.id = programme_membership.programme_id
    WHERE
        CASE
            WHEN %(gone)s
                THEN
                    programme.xmax <> '0'::xid
                    AND (
                        age(programme.xmax) <= age(%(since)s::xid)
                        OR mxid_age(programme.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE age(programme.xmin) BETWEEN 0 AND age(%(since)s::xid)
        END
) AS edited
WHERE edited.person_id IS NOT NULL
ORDER BY edited.person_id
