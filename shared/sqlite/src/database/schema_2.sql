-- Who works at what, and what it has come to. Without a token nobody does.
CREATE TABLE lease (
    work TEXT PRIMARY KEY,
    token BLOB,
    until INTEGER NOT NULL,
    checkpoint TEXT
) STRICT;
