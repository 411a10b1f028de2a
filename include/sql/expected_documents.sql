-- Job 6: about how many documents there will be, for progress while they are loaded; what the index must hold is
-- counted exactly later (person_document_totals.sql).
-- Reads: contact_details. Writes: nothing.
-- Fast: one table, by its smallest index where that is up to date. Few persons have several documents, or none.

SELECT count(*) AS documents
FROM contact_details
