-- What each submission was scored with, and how much of the test set it predicts; 0 of 0 until that was looked up.
ALTER TABLE submissions ADD COLUMN truth TEXT NOT NULL DEFAULT '';
ALTER TABLE submissions ADD COLUMN predicted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE submissions ADD COLUMN samples BIGINT NOT NULL DEFAULT 0;
-- Why it is not ranked: '', 'equals-truth', or 'hidden' with the organiser's reason.
ALTER TABLE submissions ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE submissions ADD COLUMN reason TEXT NOT NULL DEFAULT '';
-- In contests: the numbers on both parts of the test set, which `scores` tells only in steps. '' elsewhere.
ALTER TABLE submissions ADD COLUMN sealed TEXT NOT NULL DEFAULT '';

-- Teams that the organiser has banned may not submit, and their rows are not shown to others.
ALTER TABLE teams ADD COLUMN banned BIGINT NOT NULL DEFAULT 0;

-- Which truth the rows of a board were scored with. The newest version is the one of all rows.
CREATE TABLE truths (
    board TEXT NOT NULL,
    version BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (board, version)
);

-- What a team has been told of its best in a contest. It outlives the submissions, so that withdrawing tells nothing.
CREATE TABLE ladders (
    board TEXT NOT NULL,
    team TEXT NOT NULL REFERENCES teams (id),
    told TEXT NOT NULL,
    taken BIGINT NOT NULL,
    PRIMARY KEY (board, team)
);

-- Teams in contests: 'pending', 'admitted' or 'refused'; and which submission they chose, '' for the best.
CREATE TABLE entrants (
    board TEXT NOT NULL,
    team TEXT NOT NULL REFERENCES teams (id),
    state TEXT NOT NULL,
    final TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (board, team)
);

-- Codes of invitations by their SHA-256, each for one team.
CREATE TABLE invitations (
    hash TEXT PRIMARY KEY,
    board TEXT NOT NULL,
    created BIGINT NOT NULL,
    team TEXT NOT NULL
);

-- What the organiser changed of a contest.
CREATE TABLE contests (
    board TEXT PRIMARY KEY,
    closes BIGINT NOT NULL,
    announcement TEXT NOT NULL
);

-- What organisers did. Rows are added and never changed.
CREATE TABLE deeds (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    board TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX deeds_by_time ON deeds (at, id);

-- What a submission is ranked by on its board, the least first; 1e300 where it is not.
ALTER TABLE submissions ADD COLUMN ranked DOUBLE PRECISION NOT NULL DEFAULT 1e300;
CREATE INDEX submissions_by_rank ON submissions (board, ranked, created, id);
CREATE INDEX submissions_for_counts ON submissions (board, visibility, mark, ranked, team);
