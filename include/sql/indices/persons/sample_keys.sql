-- Job 6: a sample of the persons that have documents, chosen by a seed, for the comparison field by field.
-- Reads: person, contact_details. Writes: nothing. Parameters: seed (text), size (how many).
-- Fast: one pass over the keys of two tables; only the lowest hashes are kept.

SELECT person.id
FROM person
INNER JOIN contact_details ON person.id = contact_details.id
ORDER BY hashint8extended(person.id, hashtextextended(%(seed)s, 0))
LIMIT %(size)s;
