-- A team may have several tokens, with names. One that replaces another ends it when it is first used.
CREATE TABLE named_tokens (
    id TEXT PRIMARY KEY,
    team TEXT NOT NULL REFERENCES teams (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    -- The id of the token that ends; '' for none.
    replaces TEXT NOT NULL
);
INSERT INTO named_tokens (id, team, name, hash, created, expires, replaces)
    SELECT id, team, '', hash, created, expires, '' FROM tokens;
DROP TABLE tokens;
ALTER TABLE named_tokens RENAME TO tokens;
CREATE INDEX tokens_by_team ON tokens (team);

-- What names look like (UTS 39), so that two teams cannot look alike. A name may have two forms.
CREATE TABLE skeletons (
    skeleton TEXT PRIMARY KEY,
    team TEXT NOT NULL REFERENCES teams (id)
);

CREATE TABLE organisers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

-- What is left of withdrawn submissions. Those that were never public are shown to their team alone.
CREATE TABLE tombstones (
    id TEXT PRIMARY KEY,
    board TEXT NOT NULL,
    -- '' after the team was removed; then `method` is empty as well.
    team TEXT NOT NULL,
    method TEXT NOT NULL,
    submitted BIGINT NOT NULL,
    withdrawn BIGINT NOT NULL,
    published BIGINT NOT NULL
);
CREATE INDEX tombstones_by_board ON tombstones (board, published, withdrawn);
CREATE INDEX tombstones_by_team ON tombstones (team);

-- Rankings as they were at a moment: a JSON document each, with its SHA-256.
CREATE TABLE frozen (
    board TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    document TEXT NOT NULL,
    checksum TEXT NOT NULL,
    -- When a team was taken out of the document; 0 if never.
    revised BIGINT NOT NULL,
    PRIMARY KEY (board, number)
);

-- Whether it has ever been public: withdrawing it then leaves a tombstone for all to see.
ALTER TABLE submissions ADD COLUMN published BIGINT NOT NULL DEFAULT 0;
UPDATE submissions SET published = 1 WHERE visibility = 'public';
-- Several seeds of one method are one row. `series` is the same for all of them and '' without a seed; the first holds
-- count, means and deviations as JSON in `seeds`, the others are folded.
ALTER TABLE submissions ADD COLUMN series TEXT NOT NULL DEFAULT '';
CREATE INDEX submissions_by_series ON submissions (board, team, series);
ALTER TABLE submissions ADD COLUMN seeds TEXT NOT NULL DEFAULT '';
ALTER TABLE submissions ADD COLUMN folded BIGINT NOT NULL DEFAULT 0;
DROP INDEX submissions_for_counts;
CREATE INDEX submissions_for_counts ON submissions (board, visibility, mark, folded, ranked, team);
CREATE INDEX submissions_by_team ON submissions (team, created);

-- Deeds name teams by their ids, so that the log holds no name of a team that was removed.
UPDATE deeds SET subject = (SELECT teams.id FROM teams WHERE teams.name = deeds.subject)
    WHERE action IN ('admit', 'refuse', 'ban', 'unban')
    AND EXISTS (SELECT 1 FROM teams WHERE teams.name = deeds.subject);
