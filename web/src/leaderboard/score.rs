//! "Score your file": the visitor's predictions, read and scored in this browser.

use glae_api::{TruthAccess, Unpredicted};
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, File, HtmlInputElement};

use super::address::{ApiDocument, Source};
use super::board::Here;
use super::format::{counted, whole};
use super::problems::Problems;
use super::report::ReportView;
use crate::scoring::protocol::FileKind;
use crate::scoring::{ScorerState, Scoring, TruthSource};

/// What file choosers offer first.
const ACCEPTED: &str = ".csv,.tsv,.txt,.jsonl,.ndjson,text/csv,text/plain";

/// The section with both file inputs, the progress, the problems and the report.
#[component]
pub(super) fn Score() -> impl IntoView {
    let here = expect_context::<Here>();
    let board = here.board();
    let heading = if board.truth == TruthAccess::Hidden { "Check your file" } else { "Score your file" };
    let intro = match board.truth {
        TruthAccess::Public => "The file is read and scored in this browser. Nothing is sent until you submit.",
        TruthAccess::Hidden => {
            "The file's format is checked in this browser. Nothing is sent until you submit; the server scores it."
        }
        TruthAccess::Yours => "Both files are read and scored in this browser. Nothing is sent, ever.",
    };
    let needs_truth = board.truth == TruthAccess::Yours;
    let step = move |number| if needs_truth { format!("{number}. ") } else { String::new() };
    take_drops(here);
    // A file under other ids takes the place of the one that was chosen, in the score and in a submission.
    Effect::new(move |_| {
        if let Some(file) = here.scoring.renamed.get() {
            here.scoring.renamed.set(None);
            here.file.set(Some(file));
            run(here);
        }
    });
    let waits = move || needs_truth && here.own_truth.with(Option::is_none) && here.file.with(Option::is_some);
    view! {
        <section class="score" aria-labelledby="score">
            <h2 id="score" tabindex="-1">{heading}</h2>
            <p class="hint">{intro}</p>
            {needs_truth.then(|| view! { <TruthInput label=format!("{}Choose your truth file", step(1))/> })}
            <PredictionsInput label=format!("{}Choose a predictions file", step(2))/>
            {(!needs_truth).then(|| view! {
                <details>
                    <summary>"Score against a truth file of your own"</summary>
                    <TruthInput label="Choose your truth file"/>
                </details>
            })}
            <Formats/>
            {move || waits().then(|| view! { <p class="message notice"><span>"Choose the truth file as well: this board has none."</span></p> })}
            <Progress/>
            <Outcome/>
        </section>
    }
}

/// Files dropped beside the fields count as predictions; the browser would show them in place of the page.
fn take_drops(here: Here) {
    let over = window_event_listener(ev::dragover, |event| event.prevent_default());
    let drop = window_event_listener(ev::drop, move |event| {
        event.prevent_default();
        if let Some(file) = event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0)) {
            here.file.set(Some(file));
            run(here);
        }
    });
    on_cleanup(move || {
        over.remove();
        drop.remove();
    });
}

/// The truth in use: the visitor's own, or the board's address; `None` where it is not at hand.
fn truth_at_hand(here: Here) -> Option<TruthSource> {
    let board = here.board();
    let source = here.desk.source.get_untracked().unwrap_or(Source::Server);
    match (here.own_truth.get_untracked(), board.truth) {
        (Some(own), _) => Some(TruthSource::Own(own)),
        (None, TruthAccess::Public) => Some(TruthSource::Address(ApiDocument::Truth(&board.id).at(source))),
        (None, TruthAccess::Hidden | TruthAccess::Yours) => None,
    }
}

/// Reads, checks or scores whatever is there now.
fn run(here: Here) {
    let Some(file) = here.file.get_untracked() else { return here.scoring.reset() };
    let board = here.board();
    let counted = board.unpredicted == Unpredicted::Counted;
    here.submitted.set(None);
    match truth_at_hand(here) {
        Some(truth) => here.scoring.score(&file, truth, counted, board.training_counts),
        None if board.truth == TruthAccess::Hidden => here.scoring.check(&file),
        None => here.scoring.reset(),
    }
}

#[component]
fn PredictionsInput(
    /// On the button.
    label: String,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let take = move |file: File| {
        here.file.set(Some(file));
        run(here);
    };
    view! {
        <FileInput id="predictions" hook="predictions-input" label take file=here.file/>
        {move || here.file.with(Option::is_some).then(|| view! {
            <button type="button" class="quiet" on:click=move |_| {
                here.file.set(None);
                run(here);
            }>"Remove the predictions"</button>
        })}
    }
}

#[component]
fn TruthInput(
    /// On the button.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let take = move |file: File| {
        here.own_truth.set(Some(file));
        run(here);
    };
    view! {
        <FileInput id="truth" hook="truth-input" label take file=here.own_truth/>
        {move || here.own_truth.with(Option::is_some).then(|| view! {
            <p class="hint" data-testid="local-only">
                "Scored against your own truth: nothing is sent, and nothing can be submitted."
            </p>
            <button type="button" class="quiet" on:click=move |_| {
                here.own_truth.set(None);
                run(here);
            }>"Remove your truth file"</button>
        })}
    }
}

/// A field that takes a file by click, key or drop.
#[component]
fn FileInput(
    /// Of the input.
    id: &'static str,
    /// For tests.
    hook: &'static str,
    /// On the button.
    label: String,
    /// Gets the file.
    take: impl Fn(File) + Copy + 'static,
    /// The file that was given.
    file: RwSignal<Option<File>, LocalStorage>,
) -> impl IntoView {
    let over = RwSignal::new(false);
    let chosen = move |event: ev::Event| {
        let input: HtmlInputElement = event.target().expect("a change has a target").unchecked_into();
        if let Some(file) = input.files().and_then(|files| files.get(0)) {
            take(file);
        }
        // Choosing the same file again shall count as a change.
        input.set_value("");
    };
    let dropped = move |event: DragEvent| {
        event.prevent_default();
        // Not for the page as well, which takes every file for predictions.
        event.stop_propagation();
        over.set(false);
        if let Some(file) = event.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0)) {
            take(file);
        }
    };
    let given = move || {
        file.with(|file| match file {
            None => "or drop it here".to_owned(),
            Some(file) => format!("{}, {} bytes", file.name(), whole(file.size() as u64)),
        })
    };
    view! {
        <div
            class="file"
            class:dragging=over
            on:dragover=move |event| {
                event.prevent_default();
                over.set(true);
            }
            on:dragleave=move |_| over.set(false)
            on:drop=dropped
        >
            <input id=id class="visually-hidden" type="file" accept=ACCEPTED data-testid=hook on:change=chosen/>
            <label for=id class="button secondary">{label}</label>
            <span class="hint given" translate="no">{given}</span>
        </div>
    }
}

#[component]
fn Formats() -> impl IntoView {
    view! {
        <details>
            <summary>"What the files look like"</summary>
            <p class="hint">
                "UTF-8 text with a header line; commas, semicolons or tabs between columns; or one JSON object per line with
                the same names. Images are matched by "<code>"id"</code>", in any order."
            </p>
            <dl class="formats">
                <div>
                    <dt>"Predictions"</dt>
                    <dd>
                        <pre>"id,age\nface_001.jpg,23.4\nface_002.jpg,61"</pre>
                        <p class="hint">
                            "Ages in years, fractions welcome. Optional: "<code>"route"</code>" (vanilla, balanced or both) and "
                            <code>"p_0"</code>" to "<code>"p_100"</code>", the probability of each age."
                        </p>
                    </dd>
                </div>
                <div>
                    <dt>"Truth"</dt>
                    <dd>
                        <pre>"id,age\nface_001.jpg,25\nface_002.jpg,58"</pre>
                        <p class="hint">"Optional: "<code>"sigma"</code>" for the ε-error, "<code>"group"</code>", "<code>"split"</code>"."</p>
                    </dd>
                </div>
            </dl>
        </details>
    }
}

#[component]
fn Progress() -> impl IntoView {
    let here = expect_context::<Here>();
    let scoring = here.scoring;
    let busy = Memo::new(move |_| scoring.stage.with(ScorerState::is_busy));
    let value = move || match scoring.stage.get() {
        ScorerState::Reading(_, read, total) => Some((read / total.max(1.0)).to_string()),
        _ => None,
    };
    let cancel = move |_| {
        scoring.reset();
        here.file.set(None);
        super::board::focus("score");
    };
    view! {
        <div class="status">
            <Show when=move || busy.get()>
                <progress max="1" value=value aria-label="Scoring"></progress>
                <button type="button" class="quiet" on:click=cancel>"Cancel"</button>
            </Show>
            <p role="status" translate="no" data-testid="score-status" data-stage=move || stage_name(&scoring.stage.get())>
                {move || sentence(scoring)}
            </p>
        </div>
    }
}

fn stage_name(stage: &ScorerState) -> &'static str {
    match stage {
        ScorerState::Idle => "idle",
        ScorerState::Waking => "waking",
        ScorerState::Reading(..) => "reading",
        ScorerState::Computing => "computing",
        ScorerState::Checked(_) => "checked",
        ScorerState::Scored => "scored",
        ScorerState::Refused(..) => "refused",
        ScorerState::Failed(_) => "failed",
    }
}

/// Said aloud by screen readers, so it does not change with every piece that is read.
fn sentence(scoring: Scoring) -> String {
    match scoring.stage.get() {
        // What is wrong is an alert of its own.
        ScorerState::Idle | ScorerState::Refused(..) | ScorerState::Failed(_) => String::new(),
        ScorerState::Waking => "Loading the scorer".into(),
        ScorerState::Reading(FileKind::Truth, ..) => "Reading the truth".into(),
        ScorerState::Reading(FileKind::Predictions, ..) => "Reading the predictions".into(),
        ScorerState::Computing => "Scoring".into(),
        ScorerState::Checked(rows) => {
            format!("The format is in order: {}.", counted(rows.into(), "prediction", "predictions"))
        }
        ScorerState::Scored => scoring.scored.with(|scored| {
            let Some(scored) = scored else { return String::new() };
            let images = counted(scored.report.predicted as u64, "image", "images");
            let seconds = scored.milliseconds / 1000.0;
            let wait = if scored.report.intervals.is_none() { " Computing 95 % intervals." } else { "" };
            format!("Scored {images} in {seconds:.2} s.{wait}")
        }),
    }
}

#[component]
fn Outcome() -> impl IntoView {
    let here = expect_context::<Here>();
    let stage = here.scoring.stage;
    // Progress arrives many times a second; only these two draw something here.
    let bad = Memo::new(move |_| match stage.get() {
        stage @ (ScorerState::Refused(..) | ScorerState::Failed(_)) => Some(stage),
        _ => None,
    });
    let is_scored = Memo::new(move |_| here.scoring.scored.with(Option::is_some));
    view! {
        {move || match bad.get() {
            Some(ScorerState::Refused(part, problems, renaming)) => {
                let remedy = renaming.map(|renaming| {
                    let words = renaming.words();
                    let click = Callback::new(move |()| {
                        if let (Some(file), Some(truth)) = (here.file.get_untracked(), truth_at_hand(here)) {
                            here.scoring.rename(&file, truth, renaming.clone());
                        }
                    });
                    (words, click)
                });
                view! { <Problems part problems remedy/> }.into_any()
            }
            Some(ScorerState::Failed(sentence)) => view! {
                <div class="message error" role="alert">
                    <p data-testid="error">{sentence}</p>
                    <button type="button" class="quiet" on:click=move |_| run(here)>"Try again"</button>
                </div>
            }.into_any(),
            _ => ().into_any(),
        }}
        <Show when=move || is_scored.get()>
            <ReportView/>
        </Show>
    }
}
