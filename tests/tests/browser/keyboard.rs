//! A visitor without a mouse.

use anyhow::{Result, bail};
use thirtyfour::{TypingData, prelude::*};

use crate::session::Session;

/// More elements than any of our pages lets the keyboard visit.
const ENOUGH: usize = 400;

/// Presses Tab until the element is reached that `css` selects, as someone would who cannot point at it.
pub(crate) async fn tab_to(session: &Session, css: &str) -> Result<()> {
    let script = "const at = document.activeElement; return !!at && at.matches(arguments[0]);";
    for _ in 0..ENOUGH {
        session.driver.action_chain().send_keys(Key::Tab).perform().await?;
        if session.driver.execute(script, vec![css.into()]).await?.json() == &serde_json::Value::Bool(true) {
            return Ok(());
        }
    }
    bail!("the keyboard does not reach `{css}`")
}

/// Presses Enter on the element that `css` selects, reached by Tab.
pub(crate) async fn enter(session: &Session, css: &str) -> Result<()> {
    tab_to(session, css).await?;
    press(session, Key::Enter).await
}

/// Types into the element that has the focus.
pub(crate) async fn press(session: &Session, keys: impl Into<TypingData>) -> Result<()> {
    Ok(session.driver.action_chain().send_keys(keys).perform().await?)
}
