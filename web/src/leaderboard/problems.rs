//! Everything that is wrong with a file, at once.

use glae_api::FileProblem;
use leptos::html::Div;
use leptos::prelude::*;

use super::format::counted;
use crate::scoring::protocol::FileKind;

/// The problems by kind. Takes the focus, because the file is what the visitor was busy with.
#[component]
pub(super) fn Problems(
    /// Which file.
    part: FileKind,
    /// What is wrong with it.
    problems: Vec<FileProblem>,
    /// What would make all ids known, and the click on it.
    #[prop(optional_no_strip)]
    remedy: Option<(String, Callback<()>)>,
) -> impl IntoView {
    let all: u64 = problems.iter().map(|problem| problem.count).sum();
    let file = match part {
        FileKind::Truth => "truth file",
        FileKind::Predictions => "predictions file",
    };
    let heading = format!("{} in the {file}; nothing was scored", counted(all, "problem", "problems"));
    let place = NodeRef::<Div>::new();
    Effect::new(move |_| {
        if let Some(place) = place.get() {
            let _ = place.focus();
        }
    });
    let groups = problems.into_iter().map(|problem| {
        let listed = problem.first.len() as u64;
        let more = problem.count.saturating_sub(listed);
        view! {
            <section data-kind=problem.kind.clone()>
                <h4>{format!("{} ({})", problem.kind, counted(problem.count, "time", "times"))}</h4>
                <ul>{problem.first.into_iter().map(|sentence| view! { <li>{sentence}</li> }).collect_view()}</ul>
                {(more > 0).then(|| view! { <p>{format!("And {more} more of this kind.")}</p> })}
            </section>
        }
    });
    view! {
        <div class="problems" role="alert" tabindex="-1" data-testid="problems" data-count=all.to_string() node_ref=place>
            <h3>{heading}</h3>
            {remedy.map(|(words, click)| view! {
                <div class="message notice" data-testid="renaming">
                    <p>{format!("Without {words}, the truth would know every id.")}</p>
                    <button type="button" class="quiet" data-testid="rename" on:click=move |_| click.run(())>
                        "Leave it out and score"
                    </button>
                </div>
            })}
            {groups.collect_view()}
        </div>
    }
}
