-- Which event asked last for a record to be read again. A task of before has no version.
ALTER TABLE hydration_task ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hydration_task ADD COLUMN asked_by BLOB;
