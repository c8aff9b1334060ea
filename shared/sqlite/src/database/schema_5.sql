-- Whether a change is stored already, and whether an image of its timestamp is.
CREATE INDEX events_by_timestamp ON events (entity_name, aggregate_id, timestamp, rank, event_id);
