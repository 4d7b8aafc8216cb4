-- Counts of rankings leave out the rows of banned teams: few among many.
CREATE INDEX teams_by_ban ON teams (banned);
