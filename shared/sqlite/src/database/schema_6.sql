-- Snapshots are found by both clocks: the newest timestamp of their events, and when the last one was stored.
-- A snapshot of an earlier release has neither, and is found by its version only.
ALTER TABLE snapshot ADD COLUMN newest_at INTEGER;
ALTER TABLE snapshot ADD COLUMN recorded_at INTEGER;

CREATE INDEX snapshot_by_newest_at ON snapshot (entity_name, aggregate_id, fold_version, newest_at, version);
CREATE INDEX snapshot_by_recorded_at ON snapshot (entity_name, aggregate_id, fold_version, recorded_at, version);
