//! What organisers do and see: the addresses below `organise`, for those who carry an organiser's token.

use serde::{Deserialize, Serialize};

use crate::board::Column;
use crate::contest::{ContestPage, EntryState, TruthVersion};
use crate::row::{Scores, Visibility};

/// What an organiser does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "cli", derive(clap::Subcommand))]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Admits a team to a contest.
    Admit {
        /// The contest's board.
        board: String,
        /// The team's name.
        team: String,
    },
    /// Refuses a team; what it has submitted stays.
    Refuse {
        /// The contest's board.
        board: String,
        /// The team's name.
        team: String,
    },
    /// Makes codes that let one team each into a contest. They are told this once.
    Invite {
        /// The contest's board.
        board: String,
        /// How many, 1 to 1000.
        #[cfg_attr(feature = "cli", arg(long, default_value_t = 1))]
        count: u32,
    },
    /// Hides a submission from all but its team, which sees the reason.
    Hide {
        /// The submission's id.
        submission: String,
    },
    /// Shows a hidden submission again.
    Unhide {
        /// The submission's id.
        submission: String,
    },
    /// Bans a team: it submits nothing any more, and its rows are hidden.
    Ban {
        /// The team's name.
        team: String,
    },
    /// Lets a banned team in again.
    Unban {
        /// The team's name.
        team: String,
    },
    /// Removes a team with all that is its, for good.
    RemoveTeam {
        /// The team's name.
        team: String,
    },
    /// Keeps the ranking as it is now, with a date and a checksum, to be cited.
    Freeze {
        /// The board.
        board: String,
    },
    /// Closes a contest now: the private part decides and is told.
    Close {
        /// The contest's board.
        board: String,
    },
    /// Moves the moment at which a contest closes.
    #[cfg_attr(feature = "cli", command(skip))]
    Extend {
        /// The contest's board.
        board: String,
        /// In seconds since 1970.
        until: i64,
    },
    /// Says something on a contest's page.
    Announce {
        /// The contest's board.
        board: String,
        /// Up to 2,000 characters; an empty text takes away what was said.
        text: String,
    },
}

/// `POST organise/deeds`: something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewDeed {
    /// What.
    pub deed: Action,
    /// Why, for the log, up to 500 characters; the team of a hidden submission sees it.
    #[serde(default)]
    pub reason: String,
}

/// What came of a deed beside its line in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// Codes of invitations: only their hashes are stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// How many submissions went with a team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<u32>,
    /// The ranking that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deed {
    /// When, in seconds since 1970.
    pub at: i64,
    /// By whom: the name of an organiser's token, or as the operator calls them.
    pub actor: String,
    /// What, in a word: the `action` of a deed.
    pub action: String,
    /// On which board; empty if on all.
    pub board: String,
    /// To which team or submission, or what else the deed is about; a removed team is a number.
    pub subject: String,
    /// Why.
    pub reason: String,
}

/// A part of the log, the newest deed first: `GET organise/log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Log {
    /// How many deeds there are in all.
    pub total: u32,
    /// Those asked for.
    pub deeds: Vec<Deed>,
}

/// The organiser behind a token: `GET organise`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Organiser {
    /// The name that the log shows.
    pub name: String,
    /// When the token ends, in seconds since 1970.
    pub expires: i64,
    /// All boards, by id.
    pub boards: Vec<OrganisedBoard>,
}

/// A board in an organiser's list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrganisedBoard {
    /// See [`crate::Board::id`].
    pub id: String,
    /// See [`crate::Board::title`].
    pub title: String,
    /// Where it is a contest.
    pub is_contest: bool,
}

/// What an organiser sees of a board: `GET organise/boards/{board}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BoardOffice {
    /// Where the board is a contest.
    pub contest: Option<ContestPage>,
    /// Teams that asked to take part or have submitted, those that wait first; at most 1,000.
    pub teams: Vec<Entrant>,
    /// Submissions that are public or hidden, the hidden ones first, then the newest; at most 1,000.
    pub rows: Vec<OrganisedRow>,
    /// Invitations made.
    pub invitations: u32,
    /// Those that have let a team in.
    pub invitations_used: u32,
}

/// A team on a board, as an organiser sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entrant {
    /// The team's name.
    pub team: String,
    /// Whether it takes part in the contest.
    pub state: EntryState,
    /// Whether it is banned.
    pub banned: bool,
    /// Its submissions on this board.
    pub submissions: u32,
}

/// A submission as an organiser sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrganisedRow {
    /// The submission's id.
    pub id: String,
    /// The method's name.
    pub method: String,
    /// The team's name.
    pub team: String,
    /// When it came, in seconds since 1970.
    pub at: i64,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether it is hidden.
    pub hidden: bool,
    /// Why.
    pub reason: String,
}

/// A ranking that was kept: `GET boards/{board}/frozen/{number}` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Frozen {
    /// From 1, for each board.
    pub number: i64,
    /// When, in seconds since 1970.
    pub at: i64,
    /// SHA-256 of the document, in hexadecimal digits.
    pub checksum: String,
    /// When a team was taken out of it at its own wish, which changed the checksum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised: Option<i64>,
}

/// The document of a ranking that was kept, whose SHA-256 is [`Frozen::checksum`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FrozenRanking {
    /// The board.
    pub board: String,
    /// The board's title.
    pub title: String,
    /// See [`Frozen::number`].
    pub number: i64,
    /// See [`Frozen::at`].
    pub at: i64,
    /// What ranked.
    pub primary: Column,
    /// What was scored with; absent where no truth is on the server.
    pub truth_version: Option<TruthVersion>,
    /// All rows that were public, best first.
    pub rows: Vec<FrozenRow>,
}

/// A row of a ranking that was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FrozenRow {
    /// Its place; nothing if it was not ranked.
    pub place: Option<u32>,
    /// The row's id.
    pub id: String,
    /// The method's name. This and the next two are empty if the team was removed at its own wish.
    pub method: String,
    /// Who made it.
    pub authors: String,
    /// The team, or where the numbers come from.
    pub by: String,
    /// Its numbers.
    pub scores: Scores,
}
