//! The live picture with its faces, and their ages beside it.

use leptos::ev;
use leptos::html::Video;
use leptos::prelude::*;

use super::live::{Camera, CameraState};
use super::rate::Rate;
use super::tracks::Track;
use crate::estimate::curve;
use crate::estimate::faces::{FaceBox, Points};
use crate::estimate::wording;

/// Shown while the camera is asked for or in use; leaving it stops the camera.
#[component]
pub(crate) fn CameraView(
    /// The camera.
    camera: Camera,
) -> impl IntoView {
    let video = NodeRef::<Video>::new();
    Effect::new(move |_| {
        if let (CameraState::On, Some(video)) = (camera.phase.get(), video.get()) {
            camera.show_in(video);
        }
    });
    // A tab that nobody sees must not watch anybody.
    let hidden = window_event_listener(ev::visibilitychange, move |_| {
        if document().hidden() {
            camera.stop();
        }
    });
    on_cleanup(move || {
        hidden.remove();
        camera.stop();
    });
    let ratio = move || camera.size.get().map_or(4.0 / 3.0, |size| f64::from(size.width / size.height));
    let boxes = move || {
        camera.size.get().map(|size| {
            camera.tracks.get().into_iter().map(|track| view! { <FaceBox face=track.face size/> }).collect_view()
        })
    };
    let points = move || {
        camera.size.get().map(|size| {
            let faces = camera.tracks.get().into_iter().map(|track| track.face).collect();
            view! { <Points faces size/> }
        })
    };
    view! {
        <div class="workspace">
            <section class="photo" aria-label="Camera">
                <div class="stage live" class:mirrored=camera.mirrored style:--ratio=move || ratio().to_string()>
                    <video node_ref=video autoplay playsinline muted aria-label="The camera's picture"></video>
                    {boxes}
                    {points}
                </div>
                <p class="hint" translate="no" data-testid="camera-rate"
                    data-fps=move || camera.rate.get().map(|rate| format!("{:.2}", rate.per_second))
                    data-milliseconds=move || camera.rate.get().map(|rate| format!("{:.1}", rate.compute_ms))
                >
                    {move || match (camera.phase.get(), camera.rate.get()) {
                        (CameraState::Asking, _) => "The browser asks whether this page may use the camera.".to_owned(),
                        (_, None) => "Waiting for the first answer.".to_owned(),
                        (_, Some(rate)) => speed(rate),
                    }}
                </p>
                <div class="actions">
                    <button type="button" class="button secondary" data-testid="camera-stop" on:click=move |_| camera.stop()>
                        "Stop camera"
                    </button>
                </div>
            </section>
            <div class="answer tracks" translate="no">
                <Ages camera/>
            </div>
        </div>
    }
}

fn speed(rate: Rate) -> String {
    let took = wording::duration(rate.compute_ms);
    if rate.per_second > 0.0 {
        format!("{:.1} pictures per second, {took} for each. None of them leaves this device.", rate.per_second)
    } else {
        format!("{took} for the first picture. None of them leaves this device.")
    }
}

/// One card per face, from left to right as the visitor sees them.
#[component]
fn Ages(camera: Camera) -> impl IntoView {
    let order = move || {
        let mut ids: Vec<u32> = camera.tracks.with(|tracks| tracks.iter().map(|track| track.id).collect());
        if camera.mirrored.get() {
            ids.reverse();
        }
        ids
    };
    let nobody = Memo::new(move |_| camera.rate.with(Option::is_some) && camera.tracks.with(Vec::is_empty));
    view! {
        <For each=order key=|id| *id children=move |id| {
            let track = Memo::new(move |_| camera.tracks.with(|all| all.iter().find(|track| track.id == id).cloned()));
            view! { <AgeCard track/> }
        }/>
        <Show when=move || nobody.get()>
            <p class="card hint" data-testid="no-face">"No face in the picture."</p>
        </Show>
    }
}

#[component]
fn AgeCard(track: Memo<Option<Track>>) -> impl IntoView {
    let age = move || track.get().and_then(|track| track.age);
    let doubt = move || track.get().and_then(|track| Some(wording::doubt(track.doubt?, Some(&track.face))));
    let curve = move || {
        age().map(|age| {
        let top = curve::ceiling(&[&age.distribution]);
        let last = age.distribution.len().saturating_sub(1).max(1);
        view! {
            <svg class="spark" viewBox=format!("0 0 {last} {}", curve::HEIGHT) preserveAspectRatio="none" aria-hidden="true">
                <path class="chosen-area" d=curve::area(&age.distribution, top)/>
                <path class="chosen-line" d=curve::line(&age.distribution, top)/>
            </svg>
        }
    })
    };
    view! {
        <article
            class="card track"
            data-testid=move || age().map(|_| "estimate")
            data-years=move || age().map(|age| age.years.to_string())
            data-raw-years=move || age().map(|age| age.raw_years.to_string())
            data-route=move || age().map(|age| age.route.as_str())
        >
            {move || age().map(|age| view! {
                <p class="age"><strong>{wording::years(age.years)}</strong>" years"</p>
                <p class="hint">
                    {format!("This picture alone: {} years, by {}.", wording::years(age.raw_years), wording::classifiers(age.route))}
                </p>
            })}
            {curve}
            {move || doubt().map(|note| view! { <p class="note" data-testid="face-note">{note}</p> })}
        </article>
    }
}
