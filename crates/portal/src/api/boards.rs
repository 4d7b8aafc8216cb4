//! Boards: as they are seen without a token, and as a team sees them with its private rows.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use glae_api::{Board, BoardPage, BoardSummary, ContestPage, FrozenRanking, Phase, Quota, Scores, TruthVersion};
use serde::Deserialize;

use super::{csv_response, json_response};
use crate::{
    board::{Loaded, truth_name},
    contest::{self, standing},
    extract::{Number, OnBoard, Query},
    frozen,
    problem::{ApiError, ApiResult, Kind},
    quota::Allowance,
    rankings::{self, RankedRow},
    results::{self, Rated},
    state::Portal,
    submission::Submission,
    token::Caller,
    tombstones, versions,
};

/// The two rows to compare.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedRows {
    a: String,
    b: String,
}

/// Which part of a ranking; all of it by default.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    from: Option<u32>,
    limit: Option<u32>,
}

/// No ranking has more places; the end of a page stays a number.
const MOST_PLACES: u32 = 1 << 30;

/// All boards.
#[utoipa::path(get, path = "/api/v1/boards", tag = "boards",
    responses((status = 200, description = "The boards, by id.", body = [BoardSummary])))]
pub async fn list(State(portal): State<Portal>) -> ApiResult<axum::Json<Vec<BoardSummary>>> {
    let mut boards = Vec::with_capacity(portal.boards.len());
    for board in portal.boards.values() {
        let phase = contest::now(&portal, board).await?.map(|contest| contest.phase);
        let (database, primary) = (&portal.database, board.board.primary);
        let summary = if phase == Some(Phase::Closed) {
            let submissions = Submission::on_board(database, &board.board.id, None).await?;
            board.summary(submissions.iter().map(|one| one.row(board, None, phase)).collect())
        } else {
            let of_file = board.summary(Vec::new());
            let (rows, best) = rankings::count(database, &board.board.id, None).await?;
            let best = best.map(|key| if primary.ascending() { key } else { -key });
            let scores = |number| primary.with(Scores::default(), number);
            let first = primary.compare(&scores(best), &scores(of_file.best)).is_lt();
            BoardSummary { rows: of_file.rows + rows, best: if first { best } else { of_file.best }, ..of_file }
        };
        boards.push(BoardSummary { contest: phase, ..summary });
    }
    Ok(axum::Json(boards))
}

/// A board with its rows, best first. With a token also the team's private rows. With `limit` a part of the ranking.
#[utoipa::path(get, path = "/api/v1/boards/{board}", tag = "boards", security((), ("token" = [])),
    params(("board" = String, Path, description = "The board's id."),
        ("from" = Option<u32>, Query, description = "With `limit`: the first place, from 0."),
        ("limit" = Option<u32>, Query, description = "How many rows, 1 to 1000; all if absent.", minimum = 1,
            maximum = 1000)),
    responses((status = 200, description = "The board.", body = BoardPage)))]
pub async fn page(
    State(portal): State<Portal>,
    viewer: Option<Caller>,
    OnBoard(board): OnBoard,
    Query(part): Query<Part>,
) -> ApiResult<axum::Json<BoardPage>> {
    let team = viewer.as_ref().map(|caller| caller.team.as_str());
    assembled(&portal, &board, team, part).await.map(axum::Json)
}

/// A board as a team sees it, or as it is seen without a token.
pub(crate) async fn assembled(portal: &Portal, board: &Loaded, team: Option<&str>, part: Part) -> ApiResult<BoardPage> {
    let contest = contest::now(portal, board).await?;
    let (database, phase) = (&portal.database, contest.as_ref().map(|contest| contest.phase));
    let from = part.from.unwrap_or_default();
    if part.limit.is_some_and(|limit| !(1..=1000).contains(&limit)) || (part.limit.is_none() && from > 0) {
        return Err(ApiError::malformed("limit must lie between 1 and 1000, and from needs it."));
    }
    let (shown, standings, total, first, own_rank) = match part.limit {
        // The ranking of a closed contest is that of the finals, which are few.
        Some(limit) if phase != Some(Phase::Closed) => {
            let placed = rankings::page(database, board, team, from.min(MOST_PLACES), limit).await?;
            let submissions: Vec<_> = placed.iter().filter_map(RankedRow::submission).cloned().collect();
            let standings = standing::of(database, board, contest.as_ref(), &submissions, team).await?;
            let first = match placed.first() {
                Some(row) if from > 0 => Some(rankings::place(database, board, team, row.key(board)).await?),
                first => first.map(|_| 1),
            };
            let rows = placed.into_iter().map(|placed| match placed {
                RankedRow::File(row) => *row,
                RankedRow::Submitted(submission) => submission.row(board, team, phase),
            });
            let shown = Board { rows: rows.collect(), ..board.board.clone() };
            let (total, _) = rankings::count(database, &board.board.id, team).await?;
            let own = match team {
                Some(team) => rankings::own(database, board, team).await?,
                None => None,
            };
            (shown, standings, Some(total + board.board.rows.len() as u32), first, own)
        }
        _ => {
            let submissions = Submission::on_board(database, &board.board.id, team).await?;
            let standings = standing::of(database, board, contest.as_ref(), &submissions, team).await?;
            let rows = submissions.iter().map(|submission| {
                let mut row = submission.row(board, team, phase);
                // A team has one place in a contest; its other submissions have none.
                if standings.get(&row.id).is_some_and(|standing| standing.is_final == Some(false)) {
                    row.scores = board.board.primary.with(row.scores, None);
                }
                row
            });
            let mut shown = board.ranked(rows.collect());
            let (mut total, mut first) = (None, None);
            if let Some(limit) = part.limit {
                total = Some(shown.rows.len() as u32);
                let row = shown.rows.get(from as usize);
                first = row.map(|row| board.board.primary.place(&shown.rows, &row.scores));
                shown.rows = shown.rows.into_iter().skip(from as usize).take(limit as usize).collect();
            }
            (shown, standings, total, first, None)
        }
    };
    let steps = portal.hidden.get(&board.board.id).map(|hidden| hidden.steps.clone()).unwrap_or_default();
    let page =
        |now: contest::Now| ContestPage { rules: now.rules, phase: now.phase, steps, announcement: now.announcement };
    // What concerns the whole board stands on its first page.
    let (frozen, withdrawn) = match from {
        0 => (frozen::list(database, &board.board.id).await?, tombstones::on_board(database, &board.board.id).await?),
        _ => Default::default(),
    };
    Ok(BoardPage {
        board: shown,
        total,
        first_rank: first,
        own_rank,
        test_counts: board.test_counts(),
        contest: contest.map(page),
        standings,
        truth_version: versions::newest(&portal.database, &board.board.id)
            .await?
            .map(|version| TruthVersion { fingerprint: version.fingerprint.chars().take(16).collect(), ..version }),
        frozen,
        withdrawn,
    })
}

/// A ranking that an organiser has frozen. Its bytes have the SHA-256 that the board names.
#[utoipa::path(get, path = "/api/v1/boards/{board}/frozen/{number}", tag = "boards",
    params(("board" = String, Path, description = "The board's id."),
        ("number" = i64, Path, description = "From 1.", minimum = 1)),
    responses((status = 200, description = "The ranking.", body = FrozenRanking)))]
pub async fn frozen_ranking(
    State(portal): State<Portal>,
    OnBoard(board): OnBoard,
    Number(number): Number,
) -> ApiResult<Response> {
    let (_, document) = frozen::find(&portal.database, &board.board.id, number).await?;
    Ok(json_response(document))
}

/// How to cite a frozen ranking, in BibTeX.
#[utoipa::path(get, path = "/api/v1/boards/{board}/frozen/{number}/citation", tag = "boards",
    params(("board" = String, Path, description = "The board's id."),
        ("number" = i64, Path, description = "From 1.", minimum = 1)),
    responses((status = 200, description = "A line of BibTeX.", body = String,
        content_type = "text/x-bibtex")))]
pub async fn citation(
    State(portal): State<Portal>,
    OnBoard(board): OnBoard,
    Number(number): Number,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (kept, document) = frozen::find(&portal.database, &board.board.id, number).await?;
    let text = frozen::citation(&kept, &document, site(&headers).as_deref())?;
    Ok(([(header::CONTENT_TYPE, "text/x-bibtex; charset=utf-8")], text).into_response())
}

/// The server's address by the request's own words. Away from one's own computer it is taken to have TLS.
fn site(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    let own = ["localhost", "127.", "[::1]"].iter().any(|own| host.starts_with(own));
    plain.then(|| format!("{}://{host}", if own { "http" } else { "https" }))
}

/// The truth of a board, if it is public.
#[utoipa::path(get, path = "/api/v1/boards/{board}/truth", tag = "boards",
    params(("board" = String, Path, description = "The board's id.")),
    responses((status = 200, description = "The truth: id, age, and what else is known.", body = String,
        content_type = "text/csv")))]
pub async fn truth(OnBoard(board): OnBoard) -> ApiResult<Response> {
    match &board.truth {
        Some(truth) if board.is_public() => {
            let name = truth_name(&board.board.id);
            Ok(csv_response(truth.to_csv(), name.trim_end_matches(".csv")))
        }
        _ => Err(ApiError::new(Kind::NO_TRUTH, why_no_truth(&board))),
    }
}

/// What the team has left on a board today.
#[utoipa::path(get, path = "/api/v1/boards/{board}/quota", tag = "boards", security(("token" = [])),
    params(("board" = String, Path, description = "The board's id.")),
    responses((status = 200, description = "What is left, and when it starts anew.", body = Quota)))]
pub async fn quota(
    State(portal): State<Portal>,
    caller: Caller,
    OnBoard(board): OnBoard,
) -> ApiResult<axum::Json<Quota>> {
    let contest = contest::now(&portal, &board).await?;
    Ok(axum::Json(allowance(&portal, &board, &caller, contest.as_ref()).left(&portal.database).await?))
}

/// A paired bootstrap between two rows whose predictions are stored: is A better than B?
#[utoipa::path(get, path = "/api/v1/boards/{board}/compare", tag = "boards", security((), ("token" = [])),
    params(("board" = String, Path, description = "The board's id."),
        ("a" = String, Query, description = "A row."), ("b" = String, Query, description = "Another row.")),
    responses((status = 200, description = "Both and their difference.", body = glae_metrics::Comparison)))]
pub async fn compare(
    State(portal): State<Portal>,
    viewer: Option<Caller>,
    OnBoard(board): OnBoard,
    Query(pair): Query<ComparedRows>,
) -> ApiResult<Response> {
    let a = Rated::find(&portal, &board, &pair.a, viewer.as_ref()).await?;
    let b = Rated::find(&portal, &board, &pair.b, viewer.as_ref()).await?;
    contest::require_closed(&portal, &board).await?;
    results::comparison(&portal, &board, &a, &b).await.map(json_response)
}

/// What a team may send to a board now.
pub(crate) fn allowance(portal: &Portal, board: &Loaded, caller: &Caller, contest: Option<&contest::Now>) -> Allowance {
    Allowance {
        board: board.board.id.clone(),
        team: caller.team.clone(),
        submissions: board.board.submissions_per_day,
        failures: portal.config.limits.failures_per_day,
        in_all: contest.map(|contest| contest.rules.submissions_in_all),
        now: portal.now(),
    }
}

fn why_no_truth(board: &Loaded) -> &'static str {
    match board.board.truth {
        glae_api::TruthAccess::Hidden => "The truth of this board is hidden: only the server scores with it.",
        _ => "Nobody here has the truth of this board: score in the browser against your own copy.",
    }
}
