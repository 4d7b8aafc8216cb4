-- What this database is: `identity`, which its file store and data folder carry as well.
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Submissions under way that have announced this file and are neither stored nor given up.
ALTER TABLE files ADD COLUMN pending BIGINT NOT NULL DEFAULT 0;
