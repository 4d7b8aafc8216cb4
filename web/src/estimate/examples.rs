//! Drawn faces for visitors without a photograph at hand, one click each.

use gloo_file::File;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::RequestCache;

use super::workplace::Workplace;
use crate::batch::files::{Given, Named};
use crate::browser::{NoAnswer, answered, get};
use crate::engine::WorkerHandle;
use crate::inference::protocol::FETCH_SECONDS;

/// Name of the file below `/examples/`, and its place in words.
const EXAMPLES: [(&str, &str); 3] = [("drawn-1", "first"), ("drawn-2", "second"), ("drawn-3", "third")];

/// The pictures as buttons.
#[component]
pub(super) fn Examples() -> impl IntoView {
    let bench = expect_context::<Workplace>();
    let engine = expect_context::<WorkerHandle>();
    let buttons = EXAMPLES.map(|(name, place)| {
        let address = format!("/examples/{name}.png");
        let for_click = address.clone();
        let click = move |_| {
            let address = for_click.clone();
            // The engine and the bench outlive this page, so the answer may come later than the visitor leaves.
            spawn_local(async move {
                match fetched(name, &address).await {
                    Ok(file) => {
                        let photos = vec![Named { name: file.name(), file }];
                        bench.take(Given { photos, left_out: None });
                    }
                    Err(why) => engine.refusal.set(Some(format!(
                        "The example could not be fetched ({why}). Check the connection, or choose a photo of your own.",
                    ))),
                }
            });
        };
        view! {
            <button type="button" class="example" data-testid="example" aria-label=format!("Try the {place} drawn face") on:click=click>
                <img src=address alt="" width="72" height="72" loading="lazy" draggable="false"/>
            </button>
        }
    });
    view! {
        <div class="examples">
            <p class="hint">"No photo at hand? Try a drawn face:"</p>
            <div class="row">{buttons.collect_view()}</div>
        </div>
    }
}

async fn fetched(name: &str, address: &str) -> Result<web_sys::File, NoAnswer> {
    let response = get(address, RequestCache::Default, FETCH_SECONDS).await?;
    let bytes = answered(FETCH_SECONDS, response.binary()).await?;
    let file = File::new_with_options(&format!("{name}.png"), bytes.as_slice(), Some("image/png"), None);
    Ok(AsRef::<web_sys::File>::as_ref(&file).clone())
}
