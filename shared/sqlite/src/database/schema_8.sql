-- Publishing has a checkpoint of its own. Until now it had the one of all projections.
INSERT INTO checkpoint (name, position) SELECT 'publisher', position FROM checkpoint WHERE name = 'projections';
