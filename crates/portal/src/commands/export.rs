//! `portal export`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Body, http::Request};
use clap::Args;
use glae_api::{BoardPage, BoardSummary, COMPARED, Origin, Phase, ROOT};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{PortalFolders, copied::Copied};
use crate::{api, identity::Opening, problem::Kind, state::Portal};

/// Writes a static site with every public row and file, for any web server.
#[derive(Debug, Args)]
pub struct Export {
    /// The folder to write. What an earlier export wrote there is replaced as a whole; other files stay.
    folder: PathBuf,
    /// The folder of the built page, copied as well.
    #[arg(long, value_name = "DIR", default_value = "web/dist")]
    site: PathBuf,
    #[command(flatten)]
    places: PortalFolders,
}

impl Export {
    /// Runs the command.
    ///
    /// # Errors
    /// If something cannot be read or written.
    pub async fn run(self) -> Result<()> {
        let mut config = self.places.config()?;
        config.limits.address_per_minute = u32::MAX;
        let portal = Portal::open(config, Opening::Existing).await?;
        let mut copied = Copied::default();
        for folder in [&self.places.public, &self.site] {
            if folder.is_dir() {
                copied.copy(folder, &self.folder)?;
            } else {
                println!("there is no folder {}; it is left out", folder.display());
            }
        }
        let removed = copied.replace(&self.folder)?;
        if removed > 0 {
            println!("{removed} files of an earlier export removed");
        }
        let files = export(&portal, &self.folder).await?;
        println!("{files} files of the API in {}", self.folder.display());
        let pages = deep_links(&portal, &self.folder)?;
        println!("{pages} addresses of pages");
        Ok(())
    }
}

/// Writes `index.html` where the page's addresses lie, so that any web server answers them. Returns how many; none where
/// the built page is not in the folder.
///
/// # Errors
/// If a file cannot be written.
pub fn deep_links(portal: &Portal, folder: &Path) -> Result<usize> {
    let index = folder.join("index.html");
    let boards = folder.join("leaderboard");
    if !index.is_file() {
        return Ok(0);
    }
    // Boards of an earlier export may be gone.
    if boards.is_dir() {
        fs::remove_dir_all(&boards).with_context(|| format!("cannot remove {}", boards.display()))?;
    }
    let own = portal.boards.keys().map(|id| boards.join(id));
    let pages: Vec<PathBuf> = [folder.join("about"), boards.clone()].into_iter().chain(own).collect();
    for page in &pages {
        fs::create_dir_all(page).with_context(|| format!("cannot make the folder {}", page.display()))?;
        fs::copy(&index, page.join("index.html")).with_context(|| format!("cannot write into {}", page.display()))?;
    }
    Ok(pages.len())
}

/// Writes what the API answers without a token: each address as a file, with the extension of its kind. Returns how many.
///
/// All of it is written beside its place first and then takes the place of what an earlier export left there: no row that
/// has been withdrawn since stays. The answers come from the API itself, asked without a token: what is not public cannot get in.
///
/// # Errors
/// If an answer is missing or a file cannot be written.
pub async fn export(portal: &Portal, folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let place = folder.join("api");
    ensure!(
        !place.exists() || place.join("v1/openapi.json").is_file(),
        "{} is there and is no export: name another folder",
        place.display()
    );
    let fresh = tempfile::tempdir_in(folder)?;
    let mut site = Site { api: api::router(portal.clone()), folder: fresh.path().to_path_buf(), files: 0 };
    site.save(&format!("{ROOT}/"), "index.html").await?;
    site.save(&format!("{ROOT}/openapi.json"), "").await?;
    for kind in Kind::ALL {
        site.save(&format!("{ROOT}/problems/{}", kind.slug), ".html").await?;
    }
    let boards = site.save(&format!("{ROOT}/boards"), ".json").await?;
    for summary in serde_json::from_slice::<Vec<BoardSummary>>(&boards)? {
        let address = format!("{ROOT}/boards/{}", summary.id);
        let page: BoardPage = serde_json::from_slice(&site.save(&address, ".json").await?)?;
        // An open contest tells nothing but its rows.
        let open = page.contest.is_some_and(|contest| contest.phase != Phase::Closed);
        let public = portal.boards.get(&summary.id).is_some_and(|board| board.is_public());
        for frozen in &page.frozen {
            let kept = format!("{address}/frozen/{}", frozen.number);
            site.save(&kept, ".json").await?;
            site.save(&format!("{kept}/citation"), ".bib").await?;
        }
        if !open {
            let rated: Vec<&str> =
                page.board.rows.iter().filter(|row| row.predictions.is_some()).map(|row| row.id.as_str()).collect();
            site.compare(&address, &rated[..rated.len().min(COMPARED)]).await?;
        }
        if public {
            site.save(&format!("{address}/truth"), ".csv").await?;
        }
        for row in page.board.rows {
            let submitted = matches!(row.origin, Origin::Submitted { .. });
            if submitted {
                site.save(&format!("{ROOT}/submissions/{}", row.id), ".json").await?;
            }
            if open || (!submitted && row.predictions.is_none()) {
                continue;
            }
            let mut addresses = vec![format!("{address}/rows/{}", row.id)];
            if submitted {
                addresses.push(format!("{ROOT}/submissions/{}", row.id));
            }
            for address in addresses {
                site.save(&format!("{address}/report"), ".json").await?;
                if row.predictions.is_some() {
                    site.save(&format!("{address}/predictions"), ".csv").await?;
                }
            }
            if public {
                site.save(&format!("{address}/rows/{}/worst", row.id), ".json").await?;
            }
        }
    }
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
    }
    fs::rename(fresh.path().join("api"), &place).with_context(|| format!("cannot write {}", place.display()))?;
    Ok(site.files)
}

struct Site {
    api: Router,
    folder: PathBuf,
    files: usize,
}

impl Site {
    /// Compares each row with those behind it.
    async fn compare(&mut self, board: &str, rows: &[&str]) -> Result<()> {
        for (place, a) in rows.iter().enumerate() {
            for b in &rows[place + 1..] {
                let question = format!("{board}/compare?a={a}&b={b}");
                self.save_as(&question, &format!("{board}/compare/{a}/{b}.json")).await?;
            }
        }
        Ok(())
    }

    /// Asks for `address` and writes the answer to the file of that name and `extension`.
    async fn save(&mut self, address: &str, extension: &str) -> Result<Vec<u8>> {
        self.save_as(address, &format!("{address}{extension}")).await
    }

    async fn save_as(&mut self, address: &str, file: &str) -> Result<Vec<u8>> {
        let request = Request::get(address).body(Body::empty())?;
        let response = self.api.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes().to_vec();
        ensure!(status.is_success(), "{address} answered {status}: {}", String::from_utf8_lossy(&bytes));
        let path = self.folder.join(file.trim_start_matches('/'));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        self.files += 1;
        Ok(bytes)
    }
}
