-- Places are counted without the rows of banned teams: few among many.
CREATE INDEX teams_by_ban ON teams (banned);
-- A part of a ranking is found in this index alone; only its own rows are then read.
DROP INDEX submissions_by_rank;
CREATE INDEX submissions_by_place ON submissions (board, folded, ranked, created, id, visibility, mark, team);
