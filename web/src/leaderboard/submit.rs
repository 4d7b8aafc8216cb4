//! From a file that passed its check to a row on the board.

use glae_api::{Metadata, Quota, Submitted, TruthAccess};
use js_sys::{Array, Function, Reflect, Uint8Array};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, File, FormData, Response};

use super::address::{Source, endpoint, segment};
use super::api::{Body, Call, Failure, Method, json};
use super::board::{Here, focus};
use super::draft::{Draft, Field};
use super::form::{MetadataFields, Wrong, show_wrong};
use super::format::{counted, moment, whole};
use super::part;
use super::problems::Problems;
use super::team::TeamPanel;
use crate::browser::property;
use crate::scoring::ScorerState;
use crate::scoring::protocol::FileKind;

/// Smaller files are sent as they are, in bytes.
const WORTH_PACKING: f64 = 65_536.0;

/// How far the submission has got.
#[derive(Clone, Debug, PartialEq)]
enum SubmitState {
    Idle,
    Sending,
    Done(Box<Submitted>),
    Failed(Failure),
}

/// The section "Submit", or the sentence that says why there is none.
#[component]
pub(super) fn Submit() -> impl IntoView {
    let here = expect_context::<Here>();
    let hidden = here.board().truth;
    // Why nothing can be submitted now; `None`: it can.
    let closed = Memo::new(move |_| {
        if here.desk.is_copy() {
            Some("This is a static copy of the leaderboard, to be read only. Submitting needs its server.")
        } else if hidden == TruthAccess::Yours {
            Some(
                "Nobody here has this board's truth, so there are no submissions: score your file above and cite the report.",
            )
        } else if here.own_truth.with(Option::is_some) {
            Some("You scored against a truth file of your own, so nothing is sent. Remove it to submit.")
        } else if !here.scoring.stage.with(|stage| matches!(stage, ScorerState::Scored | ScorerState::Checked(_))) {
            Some("Choose a predictions file above first. When it is in order, it can be submitted here.")
        } else {
            None
        }
    });
    view! {
        <section class="submit" aria-labelledby="submit-title">
            <h2 id="submit-title">"Submit"</h2>
            {move || match closed.get() {
                Some(sentence) => view! { <p class="hint" data-testid="submit-closed">{sentence}</p> }.into_any(),
                None => view! { <Open/> }.into_any(),
            }}
        </section>
    }
}

#[component]
fn Open() -> impl IntoView {
    let here = expect_context::<Here>();
    let progress = RwSignal::new(SubmitState::Idle);
    let quota = RwSignal::new(None::<Quota>);
    let drafts = here.desk.drafts;
    let draft = RwSignal::new(here.id.with_value(|board| drafts.kept(board)).unwrap_or_default());
    Effect::new(move |_| {
        draft.with(|draft| {
            here.id.with_value(|board| drafts.keep(board, (*draft != Draft::default()).then_some(draft)))
        });
    });
    let wrong: Wrong = RwSignal::new(Vec::new());
    // The same key for the same text and file: sending again after a lost answer makes no second row.
    let attempt = StoredValue::new(None::<(Metadata, String)>);
    let is_signed_in = Memo::new(move |_| here.desk.team.with(Option::is_some));
    Effect::new(move |_| {
        if is_signed_in.get() {
            spawn_local(async move {
                quota.try_set(ask_quota(here).await.ok());
            });
        }
    });

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if progress.with_untracked(|progress| *progress == SubmitState::Sending) {
            return;
        }
        let metadata = match draft.get_untracked().read() {
            Ok(metadata) => metadata,
            Err(fields) => return show_wrong("new", wrong, fields),
        };
        let Some(file) = here.file.get_untracked() else { return };
        let known = attempt.with_value(|known| known.clone().filter(|(text, _)| *text == metadata));
        let (_, key) = known.unwrap_or_else(|| (metadata.clone(), random_key()));
        attempt.set_value(Some((metadata.clone(), key.clone())));
        progress.set(SubmitState::Sending);
        let board = here.id.get_value();
        spawn_local(async move {
            match send(here, &metadata, &file, &key).await {
                Ok(submitted) => {
                    drafts.keep(&board, None);
                    attempt.try_update_value(|attempt| *attempt = None);
                    quota.try_set(Some(submitted.quota));
                    here.submitted.try_set(Some(submitted.row.id.clone()));
                    // The part of the ranking that the new row stands in.
                    here.from.try_set(part::start(submitted.rank.saturating_sub(1) as usize));
                    if progress.try_set(SubmitState::Done(Box::new(submitted))).is_some() {
                        // The visitor has left for another page.
                        return;
                    }
                    here.reload();
                    // The button that had the focus is gone.
                    focus("submission-status");
                }
                Err(failure) => {
                    if failure.status == 401 {
                        here.desk.refuse();
                    }
                    let about = Field::named_in(&failure.detail);
                    let remedy = failure.detail.clone();
                    progress.try_set(SubmitState::Failed(failure));
                    if let Some(field) = about {
                        show_wrong("new", wrong, vec![(field, remedy.into())]);
                    }
                    quota.try_set(ask_quota(here).await.ok());
                }
            }
        });
    };
    // One file makes one row; another file opens the form anew.
    let is_open = Memo::new(move |_| is_signed_in.get() && !progress.with(|it| matches!(it, SubmitState::Done(_))));
    let sending = move || progress.with(|progress| *progress == SubmitState::Sending);
    view! {
        <p class="hint">"The file is sent to this site's server, which scores it again on its own truth and keeps it."</p>
        <TeamPanel/>
        <Show when=move || is_open.get()>
            <form class="form" novalidate=true on:submit=submit>
                <h3>"About the method"</h3>
                <MetadataFields prefix="new" draft wrong/>
                <p class="hint" translate="no" data-testid="quota">{move || quota.get().map(|quota| left(&quota))}</p>
                <div>
                    <button type="submit" class="button" data-testid="submit" aria-disabled=move || sending().to_string()>
                        "Submit"
                    </button>
                </div>
            </form>
        </Show>
        <div id="submission-status" tabindex="-1" role="status" data-testid="submission-status" data-state=move || progress.with(state)>
            {move || match progress.get() {
                SubmitState::Idle => ().into_any(),
                SubmitState::Sending => view! { <p class="hint">"Sending the file; the server scores it"</p> }.into_any(),
                SubmitState::Done(submitted) => done(here, *submitted).into_any(),
                SubmitState::Failed(failure) => failed(failure).into_any(),
            }}
        </div>
    }
}

fn state(progress: &SubmitState) -> &'static str {
    match progress {
        SubmitState::Idle => "idle",
        SubmitState::Sending => "sending",
        SubmitState::Done(_) => "done",
        SubmitState::Failed(_) => "failed",
    }
}

fn done(here: Here, submitted: Submitted) -> impl IntoView {
    let Submitted { row, rank, quota } = submitted;
    let seen = match row.visibility {
        glae_api::Visibility::Public => "It is public.",
        glae_api::Visibility::Private => "Only your team can see it until you publish it.",
    };
    let primary = here.board().primary.label();
    let (target, own) = (format!("row-{}", row.id), format!("own-{}", row.id));
    let href = format!("/leaderboard/{}#{target}", segment(&here.id.get_value()));
    let show = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        // A row without a number may stand in another part.
        if !focus(&target) {
            focus(&own);
        }
    };
    view! {
        <div class="message good" data-rank=rank.to_string() data-row=row.id>
            <p>
                <strong>{format!("Submitted. {} stands at rank {rank} by {primary}.", row.method)}</strong>
                {format!(" {seen} {} ", left(&quota))}
                <a href=href on:click=show>"Show the row"</a>
                ". To submit again, choose another file."
            </p>
        </div>
    }
}

fn failed(failure: Failure) -> impl IntoView {
    let Failure { title, detail, problems, .. } = failure;
    let has_problems = !problems.is_empty();
    view! {
        <div class="message error"><p><strong>{title}</strong>" "{detail}</p></div>
        {has_problems.then(|| view! { <Problems part=FileKind::Predictions problems/> })}
    }
}

fn left(quota: &Quota) -> String {
    format!(
        "{} and {} left until {}.",
        counted(quota.submissions_left.into(), "submission", "submissions"),
        whole(quota.failed_left.into()) + " files with problems",
        moment(quota.resets)
    )
}

async fn ask_quota(here: Here) -> Result<Quota, Failure> {
    let token = here.desk.token();
    // Gone with the page.
    let board = here.id.try_get_value().ok_or_else(|| Failure::not_the_api(0))?;
    Call::get(&endpoint(&["boards", &board, "quota"]), token.as_deref()).value().await
}

async fn send(here: Here, metadata: &Metadata, file: &File, key: &str) -> Result<Submitted, Failure> {
    debug_assert!(here.desk.source.get_untracked() != Some(Source::Files), "a copy has no form");
    let (token, board) = (here.desk.token(), here.id.get_value());
    let form = parts(metadata, file).await.map_err(|_| Failure::not_the_api(0))?;
    let address = endpoint(&["boards", &board, "submissions"]);
    let call = Call::send(Method::POST, &address, token.as_deref(), Body::Form(form));
    Call { idempotency_key: Some(key), ..call }.value().await
}

async fn parts(metadata: &Metadata, file: &File) -> Result<FormData, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type("application/json");
    let text = Array::of1(&json(metadata, false).into());
    let metadata = Blob::new_with_str_sequence_and_options(&text, &options)?;
    let form = FormData::new()?;
    form.append_with_blob("metadata", &metadata)?;
    match packed(file).await {
        Some(packed) => form.append_with_blob_and_filename("predictions", &packed, &format!("{}.gz", file.name()))?,
        None => form.append_with_blob("predictions", file)?,
    }
    Ok(form)
}

/// The file packed with gzip, so that it stays below the limits of proxies; `None` for small ones, for packed ones, and
/// where the browser cannot pack.
async fn packed(file: &File) -> Option<Blob> {
    let name = file.name().to_lowercase();
    if file.size() < WORTH_PACKING || [".gz", ".zip"].iter().any(|end| name.ends_with(end)) {
        return None;
    }
    // web-sys knows neither class without its "unstable" switch.
    let constructor: Function = property(&js_sys::global(), "CompressionStream").dyn_into().ok()?;
    let packer = Reflect::construct(&constructor, &Array::of1(&"gzip".into())).ok()?;
    let plain = file.stream();
    let pipe: Function = property(&plain, "pipeThrough").dyn_into().ok()?;
    let stream = pipe.call1(&plain, &packer).ok()?;
    let response = Response::new_with_opt_readable_stream(Some(stream.unchecked_ref())).ok()?;
    let bytes = JsFuture::from(response.array_buffer().ok()?).await.ok()?;
    let options = BlobPropertyBag::new();
    options.set_type("application/gzip");
    Blob::new_with_buffer_source_sequence_and_options(&Array::of1(&bytes), &options).ok()
}

/// 128 random bits, as hexadecimal digits.
fn random_key() -> String {
    let bytes = Uint8Array::new_with_length(16);
    if let Ok(crypto) = window().crypto() {
        // Fails only for more than 65,536 bytes.
        let _ = crypto.get_random_values_with_js_u8_array(&bytes);
    }
    bytes.to_vec().iter().map(|byte| format!("{byte:02x}")).collect()
}
