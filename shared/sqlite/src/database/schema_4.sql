-- The accounts that events name while the installation has none configured.
CREATE TABLE account (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (provider, account)
) STRICT, WITHOUT ROWID;
