//! The page on a phone and on a desk, light and dark: nothing sticks out, and a picture of each is kept.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::json;
use tests::picture;

use crate::{
    access,
    page::{CPU_LIMIT, Page},
    session::Session,
};

/// Name, width, height, whether it is a phone.
const SCREENS: [(&str, u32, u32, bool); 2] = [("wide", 1440, 900, false), ("phone", 360, 740, true)];

pub(crate) async fn before_a_photo(session: &Session) -> Result<()> {
    let page = Page::open(session, None, "device=cpu").await?;
    look(&page, "estimate-start").await
}

pub(crate) async fn about(session: &Session) -> Result<()> {
    session.driver.goto(format!("{}/about", session.origin)).await?;
    let page = Page::on_screen(session);
    // The static page has no such element: the program has taken over.
    page.wait_for("#content h1", CPU_LIMIT).await?;
    page.wait_for("[data-testid=beside] tbody tr", CPU_LIMIT).await?;
    look(&page, "about").await
}

pub(crate) async fn with_a_result(session: &Session) -> Result<()> {
    let file = session.file("drawn-0.png", &picture::png(&picture::face(0))?)?;
    let mut page = Page::open(session, None, "device=cpu").await?;
    page.estimate(&file, CPU_LIMIT).await?;
    look(&page, "estimate-one-face").await
}

/// Keeps pictures of the page on every screen, and asks axe-core.
pub(crate) async fn look(page: &Page<'_>, name: &str) -> Result<()> {
    let cdp = page.session.driver.cdp();
    for (screen, width, height, mobile) in SCREENS {
        cdp.send_raw(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile }),
        )
        .await?;
        for scheme in ["light", "dark"] {
            let features = [
                json!({ "name": "prefers-color-scheme", "value": scheme }),
                // No picture of a half-way fade.
                json!({ "name": "prefers-reduced-motion", "value": "reduce" }),
            ];
            cdp.send_raw("Emulation.setEmulatedMedia", json!({ "features": features })).await?;
            let overhang = overhang(page.session).await?;
            ensure!(overhang.is_empty(), "{name} is wider than a {screen} screen of {width}: {overhang}");
            let shot = cdp
                .send_raw("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true }))
                .await?;
            let png = BASE64.decode(shot["data"].as_str().context("a screenshot has data")?)?;
            std::fs::write(page.session.settings.artifacts.join(format!("{name}-{screen}-{scheme}.png")), png)?;
        }
    }
    cdp.send_raw("Emulation.clearDeviceMetricsOverride", json!({})).await?;
    cdp.send_raw("Emulation.setEmulatedMedia", json!({ "features": [] })).await?;
    access::check(page.session, name).await
}

/// Waits until layout and style of the new screen are in force, and names what sticks out.
async fn overhang(session: &Session) -> Result<String> {
    session.frames().await?;
    let script = "
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return '';
        const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width);
        return wide.slice(0, 5).map(e => `${e.tagName}.${e.className}`).join(', ') || 'the page itself';";
    Ok(session.script(script).await?.as_str().unwrap_or_default().to_owned())
}
