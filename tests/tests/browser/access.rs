//! What axe-core finds that keeps people from using a page.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::session::Session;

/// Runs axe-core in the page that is open and fails on serious and critical findings, light and dark.
pub(crate) async fn check(session: &Session, name: &str) -> Result<()> {
    let Some(path) = &session.settings.axe else {
        tests::skipped(
            "axe",
            &format!("axe-core on {name}"),
            "GLAE_AXE names no script (`cargo xtask test` fetches it)",
        );
        return Ok(());
    };
    // WebDriver scripts do not pass through the page's content security policy.
    let axe = std::fs::read_to_string(path)?;
    session.driver.execute(&format!("{axe}; window.axe = axe;"), Vec::new()).await?;
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        session.driver.cdp().send_raw("Emulation.setEmulatedMedia", features).await?;
        // The new scheme reaches the page some frames after the command's answer; until then colours are mixed.
        let script = "
            const [scheme, done] = arguments;
            const settled = () => matchMedia(`(prefers-color-scheme: ${scheme})`).matches
                && !document.getAnimations().length;
            const when = (ready, go) => requestAnimationFrame(() => ready() ? go() : when(ready, go));
            when(settled, () => requestAnimationFrame(() => axe.run(document).then(results => done(results.violations
                .filter(found => ['serious', 'critical'].includes(found.impact))
                .flatMap(found => found.nodes.map(node => `${found.id} at ${node.target}: ${node.failureSummary}`))
                .join('\\n')), problem => done(`axe-core itself failed: ${problem}`))));";
        let found = session.driver.execute_async(script, vec![scheme.into()]).await?;
        let found = found.json().as_str().unwrap_or("axe-core gave no answer").to_owned();
        ensure!(found.is_empty(), "{name}, {scheme}: {found}");
    }
    session.driver.cdp().send_raw("Emulation.setEmulatedMedia", json!({ "features": [] })).await?;
    Ok(())
}
