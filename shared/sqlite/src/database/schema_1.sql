-- Events. Positions grow by one and rows are never deleted, so the row id alone orders commits.
-- What may be long stands last, so that the columns before it are read without it.
CREATE TABLE events (
    commit_position INTEGER PRIMARY KEY,
    entity_name TEXT NOT NULL,
    aggregate_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    event_type TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    commit_number INTEGER,
    sequence_number INTEGER,
    recorded_at INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    warnings TEXT,
    head TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (entity_name, aggregate_id, version)
) STRICT;

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

-- INSERT OR REPLACE would delete without the trigger above; the row that is there stands.
CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE commit_position = NEW.commit_position)
  OR EXISTS (SELECT 1 FROM events WHERE entity_name = NEW.entity_name AND aggregate_id = NEW.aggregate_id
                                    AND version = NEW.version)
BEGIN SELECT RAISE(IGNORE); END;

CREATE TABLE checkpoint (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE snapshot (
    entity_name TEXT NOT NULL,
    aggregate_id BLOB NOT NULL,
    fold_version INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (entity_name, aggregate_id, fold_version, version)
) STRICT;

CREATE TABLE object (
    provider TEXT NOT NULL,
    entity_name TEXT NOT NULL,
    PRIMARY KEY (provider, entity_name)
) STRICT;

CREATE TABLE hydration_task (
    entity_name TEXT NOT NULL,
    aggregate_id BLOB NOT NULL,
    provider TEXT NOT NULL,
    external_id TEXT NOT NULL,
    reasons TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (entity_name, aggregate_id)
) STRICT;
CREATE INDEX hydration_task_due ON hydration_task (due_at, entity_name, aggregate_id);

CREATE TABLE backfill_job (
    id BLOB PRIMARY KEY,
    provider TEXT NOT NULL,
    entity_name TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    input TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE parked (
    entity_name TEXT NOT NULL,
    aggregate_id BLOB NOT NULL,
    from_version INTEGER NOT NULL,
    to_version INTEGER NOT NULL,
    reason TEXT NOT NULL,
    parked_at INTEGER NOT NULL,
    PRIMARY KEY (entity_name, aggregate_id)
) STRICT;

CREATE TABLE quarantine (
    id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    errors TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL,
    body_id BLOB NOT NULL,
    chunks INTEGER NOT NULL
) STRICT;
CREATE INDEX quarantine_newest ON quarantine (received_at DESC, id);

CREATE TABLE quarantine_chunk (
    body_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (body_id, number)
) STRICT;

-- Which numbered tables hold the entities of a type (`*`: of objects without a definition), and of
-- which definition they were made: 'current', 'building' by a rebuild, or 'retired' by one.
CREATE TABLE read_model (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX read_model_current ON read_model (name) WHERE state = 'current';
