-- Persons whose documents may have changed since an earlier snapshot, by inserts, updates or deletes in any table
-- that documents are made of (docs/design.md, "No edit is lost"); in the order of their ids.
-- Reads: all that indices/persons/documents.sql reads. Writes: nothing.
-- Parameters: gone; since and oldest_multixact, as session/snapshot_bounds.sql gives them for the earlier snapshot;
-- seen: the transactions that indices/persons/seen_transactions.sql has found in it.
-- The query runs twice:
-- With gone TRUE in the earlier snapshot, which still sees every row that was updated or deleted since then. The xmax
-- of such a row is the transaction that did it, and that is not older than since. If other transactions held locks on
-- the row at that time, xmax is a multixact instead. Its number does not show its age, so every multixact that still
-- exists counts. Row locks and rolled-back writes set xmax, too. A false positive does no harm: that person is only
-- checked again.
-- With gone FALSE in the later snapshot: rows whose xmin is a transaction that the earlier snapshot may not have seen.
-- (The xmin of a frozen row may be from before the last wraparound.)
-- A transaction in seen had ended before the earlier snapshot: its rows are no edits, and its xmax is only a lock.
-- Fast: one scan of each table, and joins only for the few rows found; no index could help. The condition is repeated
-- in each part: with one condition over the whole UNION, the query takes one and a half times to twice as long.

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
                        (
                            age(person.xmax) <= age(%(since)s::xid)
                            AND NOT person.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(person.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(person.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT person.xmin = any(%(seen)s::xid[])
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
                        (
                            age(contact_details.xmax) <= age(%(since)s::xid)
                            AND NOT contact_details.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(contact_details.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(contact_details.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT contact_details.xmin = any(%(seen)s::xid[])
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
                        (
                            age(gmc_details.xmax) <= age(%(since)s::xid)
                            AND NOT gmc_details.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(gmc_details.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(gmc_details.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT gmc_details.xmin = any(%(seen)s::xid[])
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
                        (
                            age(gdc_details.xmax) <= age(%(since)s::xid)
                            AND NOT gdc_details.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(gdc_details.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(gdc_details.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT gdc_details.xmin = any(%(seen)s::xid[])
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
                        (
                            age(person_owner.xmax) <= age(%(since)s::xid)
                            AND NOT person_owner.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(person_owner.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(person_owner.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT person_owner.xmin = any(%(seen)s::xid[])
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
                        (
                            age(person_trust.xmax) <= age(%(since)s::xid)
                            AND NOT person_trust.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(person_trust.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(person_trust.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT person_trust.xmin = any(%(seen)s::xid[])
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
                        (
                            age(placement.xmax) <= age(%(since)s::xid)
                            AND NOT placement.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(placement.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(placement.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT placement.xmin = any(%(seen)s::xid[])
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
                        (
                            age(placement_specialty.xmax) <= age(%(since)s::xid)
                            AND NOT placement_specialty.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(placement_specialty.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(placement_specialty.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT placement_specialty.xmin = any(%(seen)s::xid[])
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
                        (
                            age(specialty.xmax) <= age(%(since)s::xid)
                            AND NOT specialty.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(specialty.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(specialty.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT specialty.xmin = any(%(seen)s::xid[])
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
                        (
                            age(programme_membership.xmax) <= age(%(since)s::xid)
                            AND NOT programme_membership.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(programme_membership.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(programme_membership.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT programme_membership.xmin = any(%(seen)s::xid[])
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
                        (
                            age(curriculum_membership.xmax) <= age(%(since)s::xid)
                            AND NOT curriculum_membership.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(curriculum_membership.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(curriculum_membership.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT curriculum_membership.xmin = any(%(seen)s::xid[])
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
                        (
                            age(programme.xmax) <= age(%(since)s::xid)
                            AND NOT programme.xmax = any(%(seen)s::xid[])
                        )
                        OR mxid_age(programme.xmax) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                    )
            ELSE
                age(programme.xmin) BETWEEN 0 AND age(%(since)s::xid)
                AND NOT programme.xmin = any(%(seen)s::xid[])
        END
) AS edited
WHERE edited.person_id IS NOT NULL
ORDER BY edited.person_id
