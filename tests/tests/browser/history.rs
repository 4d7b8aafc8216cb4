//! What outlives a step back, another page, and a reload.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::picture;

use crate::{
    page::{CPU_LIMIT, Page},
    session::Session,
};

/// The list, a photograph of it, and back: by the button and by the browser's own, which leads to the list and not out.
pub(crate) async fn a_photo_of_a_list(session: &Session) -> Result<()> {
    let mut files = Vec::new();
    for variant in 0..3 {
        files.push(session.file(&format!("drawn-{variant}.png"), &picture::png(&picture::face(variant))?)?);
    }
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    page.follow("/about").await?;
    page.follow("/").await?;
    session.script("window.same = true;").await?;
    page.give_all("photo-input", &files).await?;
    let list = "[data-testid=batch-progress][data-done='3']";
    page.wait_for(list, CPU_LIMIT).await?;

    let open = || async {
        page.wait_for("[data-testid=batch-row] button", CPU_LIMIT).await?.click().await?;
        page.wait_for("[data-testid=estimate][data-years]", CPU_LIMIT).await
    };
    open().await?;
    session.driver.back().await?;
    page.wait_for(list, CPU_LIMIT).await.context("Back from the photo")?;
    session.driver.forward().await?;
    page.wait_for("[data-testid=estimate][data-years]", CPU_LIMIT).await.context("Forward to the photo")?;
    page.press("Back to the list").await?;
    page.wait_for(list, CPU_LIMIT).await.context("the button")?;

    // Another page between, and back through both.
    open().await?;
    page.follow("/about").await?;
    page.wait_for("article.prose", CPU_LIMIT).await?;
    session.driver.back().await?;
    page.wait_for("[data-testid=estimate][data-years]", CPU_LIMIT).await.context("Back from About")?;
    session.driver.back().await?;
    page.wait_for(list, CPU_LIMIT).await.context("Back once more")?;
    session.driver.back().await?;
    page.wait_for("article.prose", CPU_LIMIT).await.context("Back to where the visitor came from")?;
    ensure!(session.script("return window.same;").await? == json!(true), "the page was loaded anew");
    Ok(())
}

/// A half-filled form: closing the tab asks, another page does not lose it, a reload does not lose it.
pub(crate) async fn a_form(session: &Session) -> Result<()> {
    const BOARD: &str = "utkface-lt";
    let predictions = session.settings.public.join(format!("boards/{BOARD}/balanced.csv"));
    let page = Page::on_screen(session);
    session.driver.goto(format!("{}/leaderboard/{BOARD}", session.origin)).await?;
    let score = || async {
        page.wait_for("[data-testid=predictions-input]", CPU_LIMIT).await?;
        page.give_all("predictions-input", &[&predictions]).await?;
        page.wait_for("[data-testid=metric-cmae][data-value]", CPU_LIMIT).await
    };
    score().await?;
    page.wait_for("#team-name", CPU_LIMIT).await?.send_keys("Hesitant team").await?;
    page.press("Create the team").await?;
    let token = page.wait_for("[data-testid=token]", CPU_LIMIT).await?.prop("value").await?;
    ensure!(!asks(session).await?, "leaving asks although nothing was typed into the form");
    page.wait_for("#new-method", CPU_LIMIT).await?.send_keys("Half a method").await?;
    ensure!(asks(session).await?, "leaving with a half-filled form does not ask");

    page.follow("/about").await?;
    page.wait_for("article.prose", CPU_LIMIT).await?;
    ensure!(asks(session).await?, "another page of the site forgets that a form is half filled in");
    session.driver.back().await?;
    score().await?;
    // A token is shown once: a look at another page is no reason to lose it.
    let again = page.wait_for("[data-testid=token]", CPU_LIMIT).await?.prop("value").await?;
    ensure!(token.is_some() && again == token, "the new token was lost on another page");
    let method = page.wait_for("#new-method", CPU_LIMIT).await?.prop("value").await?;
    ensure!(method.as_deref() == Some("Half a method"), "another page loses the form: {method:?}");

    session.driver.refresh().await?;
    score().await?;
    let field = page.wait_for("#new-method", CPU_LIMIT).await?;
    let method = field.prop("value").await?;
    ensure!(method.as_deref() == Some("Half a method"), "a reload loses the form: {method:?}");
    field.send_keys(thirtyfour::Key::Control + "a").await?;
    field.send_keys(thirtyfour::Key::Delete + "").await?;
    ensure!(!asks(session).await?, "leaving asks although the form is empty again");
    page.press("Forget the token here").await
}

/// Whether closing the page would make the browser ask first.
async fn asks(session: &Session) -> Result<bool> {
    let script = "
        const event = new Event('beforeunload', { cancelable: true });
        window.dispatchEvent(event);
        return event.defaultPrevented;";
    Ok(session.script(script).await? == json!(true))
}
