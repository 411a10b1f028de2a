-- Transactions that began while an older one was running, and whose rows this snapshot sees: they had ended
-- (docs/design.md, "No edit is lost"). The snapshot itself cannot tell: it does not list subtransactions.
-- Reads: all that indices/persons/documents.sql reads. Writes: nothing.
-- Parameters: since and until, as session/snapshot_bounds.sql gives them for this snapshot. Only transactions before
-- until count: the xmin of a frozen row may be from before the last wraparound and equal the id of a later transaction.
-- Fast: one scan of each table, about half of the time of indices/persons/edited_keys.sql.

SELECT seen.transaction_id::text
FROM (
    SELECT person.xmin AS transaction_id
    FROM person
    WHERE
        age(person.xmin) > age(%(until)s::xid)
        AND age(person.xmin) <= age(%(since)s::xid)
    UNION
    SELECT contact_details.xmin AS transaction_id
    FROM contact_details
    WHERE
        age(contact_details.xmin) > age(%(until)s::xid)
        AND age(contact_details.xmin) <= age(%(since)s::xid)
    UNION
    SELECT gmc_details.xmin AS transaction_id
    FROM gmc_details
    WHERE
        age(gmc_details.xmin) > age(%(until)s::xid)
        AND age(gmc_details.xmin) <= age(%(since)s::xid)
    UNION
    SELECT gdc_details.xmin AS transaction_id
    FROM gdc_details
    WHERE
        age(gdc_details.xmin) > age(%(until)s::xid)
        AND age(gdc_details.xmin) <= age(%(since)s::xid)
    UNION
    SELECT person_owner.xmin AS transaction_id
    FROM person_owner
    WHERE
        age(person_owner.xmin) > age(%(until)s::xid)
        AND age(person_owner.xmin) <= age(%(since)s::xid)
    UNION
    SELECT person_trust.xmin AS transaction_id
    FROM person_trust
    WHERE
        age(person_trust.xmin) > age(%(until)s::xid)
        AND age(person_trust.xmin) <= age(%(since)s::xid)
    UNION
    SELECT placement.xmin AS transaction_id
    FROM placement
    WHERE
        age(placement.xmin) > age(%(until)s::xid)
        AND age(placement.xmin) <= age(%(since)s::xid)
    UNION
    SELECT placement_specialty.xmin AS transaction_id
    FROM placement_specialty
    WHERE
        age(placement_specialty.xmin) > age(%(until)s::xid)
        AND age(placement_specialty.xmin) <= age(%(since)s::xid)
    UNION
    SELECT specialty.xmin AS transaction_id
    FROM specialty
    WHERE
        age(specialty.xmin) > age(%(until)s::xid)
        AND age(specialty.xmin) <= age(%(since)s::xid)
    UNION
    SELECT programme_membership.xmin AS transaction_id
    FROM programme_membership
    WHERE
        age(programme_membership.xmin) > age(%(until)s::xid)
        AND age(programme_membership.xmin) <= age(%(since)s::xid)
    UNION
    SELECT curriculum_membership.xmin AS transaction_id
    FROM curriculum_membership
    WHERE
        age(curriculum_membership.xmin) > age(%(until)s::xid)
        AND age(curriculum_membership.xmin) <= age(%(since)s::xid)
    UNION
    SELECT programme.xmin AS transaction_id
    FROM programme
    WHERE
        age(programme.xmin) > age(%(until)s::xid)
        AND age(programme.xmin) <= age(%(since)s::xid)
) AS seen
