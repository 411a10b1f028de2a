-- Indexes on the application's tables that make the jobs fast. Without them, every job gives the same result, but
-- slower.

-- Index build: memberships and their curricula are read in person order, without a sort.
CREATE INDEX IF NOT EXISTS programme_membership_person_id ON programme_membership (person_id);
CREATE INDEX IF NOT EXISTS curriculum_membership_programme_membership_uuid
ON curriculum_membership (programme_membership_uuid);

-- Index build: current placements are read in person order, with their PRIMARY specialties.
CREATE INDEX IF NOT EXISTS placement_trainee_id ON placement (trainee_id);
CREATE INDEX IF NOT EXISTS placement_specialty_placement_id ON placement_specialty (placement_id);

-- Jobs 7 and 8: a run reads the rows of one date or a few.
CREATE INDEX IF NOT EXISTS post_funding_end_date ON post_funding (end_date);
CREATE INDEX IF NOT EXISTS post_funding_post_id ON post_funding (post_id);
CREATE INDEX IF NOT EXISTS programme_membership_programme_start_date ON programme_membership (programme_start_date);
CREATE INDEX IF NOT EXISTS programme_membership_programme_end_date ON programme_membership (programme_end_date);
