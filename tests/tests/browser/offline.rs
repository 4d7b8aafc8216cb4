//! What works without a network.

use anyhow::{Result, ensure};
use tests::picture;

use crate::{
    page::{CPU_LIMIT, Page},
    session::Session,
};

/// The page opens and estimates when its server has gone. Comes last: nothing can be fetched behind it.
pub(crate) async fn without_server(session: &Session) -> Result<()> {
    let file = session.file("drawn-1.png", &picture::png(&picture::face(1))?)?;
    let mut ages = Vec::new();
    for visit in ["with", "without"] {
        if visit == "without" {
            session.end_server().await?;
        }
        let mut page = Page::open(session, None, "device=cpu").await?;
        ages.push(page.estimate(&file, CPU_LIMIT).await?.years);
        session.kept().await?;
    }
    ensure!(ages[0] == ages[1], "another age without a server: {ages:?}");
    Ok(())
}
