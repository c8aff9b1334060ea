-- When a chunk was stored, in milliseconds: one without an entry goes by its age. Those of before are old.
ALTER TABLE quarantine_chunk ADD COLUMN stored_at INTEGER NOT NULL DEFAULT 0;
