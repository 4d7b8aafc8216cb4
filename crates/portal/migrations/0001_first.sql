-- One text for SQLite and PostgreSQL: TEXT, BIGINT and nothing else. Times are seconds since 1970, days are days since then.

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    -- The name as it is compared: normalised and in lower case, so that two teams cannot look alike.
    folded TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL
);

-- One token for each team. Rotation replaces the row.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    team TEXT NOT NULL UNIQUE REFERENCES teams (id),
    hash TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE quotas (
    board TEXT NOT NULL,
    team TEXT NOT NULL REFERENCES teams (id),
    day BIGINT NOT NULL,
    submissions BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    PRIMARY KEY (board, team, day)
);

-- Stored predictions. The row is what a process locks before it adds or removes the file of that name.
CREATE TABLE files (
    hash TEXT PRIMARY KEY,
    stored BIGINT NOT NULL
);

CREATE TABLE submissions (
    id TEXT PRIMARY KEY,
    board TEXT NOT NULL,
    team TEXT NOT NULL REFERENCES teams (id),
    metadata TEXT NOT NULL,
    visibility TEXT NOT NULL,
    predictions TEXT NOT NULL REFERENCES files (hash),
    scores TEXT NOT NULL,
    report TEXT NOT NULL,
    scorer TEXT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX submissions_by_board ON submissions (board, created);
CREATE INDEX submissions_by_file ON submissions (predictions);

-- Answers already given to requests with an Idempotency-Key.
CREATE TABLE answers (
    team TEXT NOT NULL REFERENCES teams (id),
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    answered BIGINT NOT NULL,
    PRIMARY KEY (team, key)
);

-- Results that take long and follow from what their key names: reports with intervals, comparisons.
CREATE TABLE results (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    computed BIGINT NOT NULL
);
