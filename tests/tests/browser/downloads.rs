//! Files that the page gives to the visitor.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Result, bail};
use serde_json::json;

use crate::session::Session;

/// A folder into which the browser saves.
pub(crate) struct Downloads {
    folder: PathBuf,
}

impl Downloads {
    /// From now on, whatever the page saves lands in a folder of its own.
    pub(crate) async fn into(session: &Session, name: &str) -> Result<Self> {
        let folder = session.scratch(&format!("downloads-{name}"));
        fs::create_dir_all(&folder)?;
        let behaviour = json!({ "behavior": "allow", "downloadPath": folder, "eventsEnabled": false });
        session.driver.cdp().send_raw("Browser.setDownloadBehavior", behaviour).await?;
        Ok(Self { folder })
    }

    /// The text of the file with this extension, once the browser has written it.
    pub(crate) async fn text(&self, extension: &str) -> Result<String> {
        let mut interval = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..200 {
            interval.tick().await;
            for entry in fs::read_dir(&self.folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|own| own == extension) {
                    return Ok(fs::read_to_string(path)?);
                }
            }
        }
        bail!("no file that ends in .{extension} was saved")
    }
}
