//! What the leaderboard's forms share: a labelled line of text, and the place where the outcome of a request is said.

use leptos::prelude::*;

use super::api::Failure;

/// What came of the last request: a sentence, or why not.
pub(super) type Said = RwSignal<Option<Result<String, Failure>>>;

/// The place where an outcome is said; the keyboard can be taken there by its id.
#[component]
pub(super) fn Outcome(
    /// Its id, and its name for tests.
    id: &'static str,
    /// What came of it.
    said: Said,
) -> impl IntoView {
    view! {
        <div id=id tabindex="-1" role="status" data-testid=id>
            {move || said.get().map(|said| match said {
                Ok(sentence) => view! { <p class="message good"><span>{sentence}</span></p> }.into_any(),
                Err(failure) => view! { <p class="message error"><span>{failure.sentence()}</span></p> }.into_any(),
            })}
        </div>
    }
}

/// A line of text with its label above it.
#[component]
pub(super) fn TextInput(
    /// Of the input.
    id: &'static str,
    /// Above it.
    label: &'static str,
    /// What it holds.
    value: RwSignal<String>,
    /// Below it; may be empty.
    #[prop(optional, into)]
    hint: String,
    /// What is wrong with it, until something is typed.
    #[prop(optional)]
    wrong: RwSignal<Option<String>>,
    /// `text`, or `password` for secrets.
    #[prop(default = "text")]
    kind: &'static str,
    /// Which keys a touch screen shows.
    #[prop(default = "text")]
    mode: &'static str,
    /// Most characters, if there is a limit.
    #[prop(optional)]
    most: Option<&'static str>,
) -> impl IntoView {
    let described = format!("{id}-hint");
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                id=id
                type=kind
                inputmode=mode
                autocomplete="off"
                maxlength=most
                prop:value=value
                aria-invalid=move || wrong.with(Option::is_some).then_some("true")
                aria-describedby=described.clone()
                on:input:target=move |event| {
                    value.set(event.target().value());
                    wrong.set(None);
                }
            />
            <span id=described role="status">
                {(!hint.is_empty()).then(|| view! { <span class="small">{hint}</span> })}
                {move || wrong.get().map(|sentence| view! { <span class="wrong">{sentence}</span> })}
            </span>
        </div>
    }
}
