//! Shows a [`Chart`].

use glae_chart::{Chart, Mark};
use leptos::ev;
use leptos::html::Div;
use leptos::prelude::*;

/// Where there is no room yet, because a section is folded.
const WIDTH: f64 = 640.0;

/// A drawing that is made anew for whatever width there is.
#[component]
pub(super) fn Drawing(
    /// What it shows, for those who cannot see it; the numbers belong into a table beside it.
    #[prop(into)]
    label: String,
    /// Draws for a width in pixels.
    draw: impl Fn(f64) -> Chart + Send + Sync + 'static,
) -> impl IntoView {
    let place = NodeRef::<Div>::new();
    // Drawn once it is known: drawing is the dearest part of a board's page.
    let width = RwSignal::new(None);
    let measure = move || {
        // A frame may come when the drawing has gone already: then there is nothing to measure.
        let Some(known) = width.try_get_untracked() else { return };
        let now = place.try_get_untracked().flatten().map_or(0, |place| place.client_width());
        let now = if now > 0 { f64::from(now) } else { known.unwrap_or(WIDTH) };
        if known != Some(now) {
            width.try_set(Some(now));
        }
    };
    Effect::new(move |_| {
        // Depends on the element, so that it runs once that stands in the page.
        if place.get().is_some() {
            request_animation_frame(measure);
        }
    });
    let listener = window_event_listener(ev::resize, move |_| measure());
    on_cleanup(move || listener.remove());
    view! {
        <div class="drawing" node_ref=place>
            {move || width.get().map(|width| {
                let Chart { width, height, marks } = draw(width);
                view! {
                    <svg
                        role="img"
                        aria-label=label.clone()
                        width="100%"
                        height=height
                        viewBox=format!("0 0 {width} {height}")
                    >
                        {marks.into_iter().map(mark).collect_view()}
                    </svg>
                }
            })}
        </div>
    }
}

fn mark(mark: Mark) -> AnyView {
    match mark {
        Mark::Path { d, ink, title: None } => view! { <path d=d class=ink.class()></path> }.into_any(),
        Mark::Path { d, ink, title: Some(title) } => {
            view! { <path d=d class=ink.class()><title>{title}</title></path> }.into_any()
        }
        Mark::Text { x, y, text, anchor, ink } => {
            view! { <text x=x y=y text-anchor=anchor.as_str() class=ink.class()>{text}</text> }.into_any()
        }
    }
}
