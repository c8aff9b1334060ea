-- Which event asked last for a record to be read again. A task of before has no version.
ALTER TABLE hydration_task ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hydration_task ADD COLUMN asked_by BLOB;
-- What is remembered of each object of a CRM.
CREATE TABLE object_note (
    provider TEXT NOT NULL,
    entity_name TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (provider, entity_name)
) STRICT, WITHOUT ROWID;
-- How fast a backfill reads, and what it waits for.
ALTER TABLE backfill_job ADD COLUMN pace TEXT NOT NULL DEFAULT '{}';
