-- What a backfill reads, and how it stands. A job of before reads all records, and has read none.
ALTER TABLE backfill_job ADD COLUMN mode TEXT NOT NULL DEFAULT '"full"';
ALTER TABLE backfill_job ADD COLUMN page_size INTEGER NOT NULL DEFAULT 50;
ALTER TABLE backfill_job ADD COLUMN counts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE backfill_job ADD COLUMN started_at INTEGER;
ALTER TABLE backfill_job ADD COLUMN updated_at INTEGER;
