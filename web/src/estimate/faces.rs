//! Boxes and points of faces on a picture.

use glae_face::detector::decode::Face;
use leptos::attr::Attribute;
use leptos::prelude::*;

use super::crop::Size;
use super::overlay::{Side, percentages, points};

/// What every face's box has: where it is, for the eye and for programs. A box that is drawn larger than the face, because it
/// is `least` pixels wide and high, has the face in its middle.
fn place(face: &Face, size: Size, least: u32) -> impl Attribute + use<> {
    let [left, top, width, height] = percentages(face, size).map(|share| format!("{share:.3}%"));
    let around = |begin: &str, extent: &str| format!("calc({begin} + min(0px, ({extent} - {least}px) / 2))");
    let (left, top) = (around(&left, &width), around(&top, &height));
    view! {
        <{..}
            data-testid="face"
            data-x=face.x.to_string()
            data-y=face.y.to_string()
            data-width=face.width.to_string()
            data-height=face.height.to_string()
            data-points=points(face)
            style:left=left
            style:top=top
            style:width=width
            style:height=height
        />
    }
}

/// A face's box where nothing can be done with it: in a live picture.
#[component]
pub(crate) fn FaceBox(
    /// In pixels of the picture.
    face: Face,
    /// Of the picture.
    size: Size,
) -> impl IntoView {
    view! { <div class="face" {..place(&face, size, 0)}></div> }
}

/// Pixels that a finger needs, as `button.face` has them.
const LEAST: u32 = 24;

/// A face's box on a photograph: touch it for its details.
#[component]
pub(super) fn FaceButton(
    /// In pixels of the photograph.
    face: Face,
    /// Of the photograph.
    size: Size,
    /// What it is called, with its age.
    label: String,
    /// Its number and where that stands, where there are several.
    number: Option<(usize, Side)>,
    /// Whether its details are shown.
    chosen: Memo<bool>,
    /// Shows its details.
    choose: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="face"
            class:chosen=chosen
            aria-label=label
            aria-pressed=move || chosen.get().to_string()
            on:click=move |_| choose()
            {..place(&face, size, LEAST)}
        >
            {number.map(|(number, side)| {
                let class = format!("number {}", side.as_str());
                view! { <span class=class aria-hidden="true">{number}</span> }
            })}
        </button>
    }
}

/// The five points of every face.
#[component]
pub(crate) fn Points(
    /// In pixels of the picture.
    faces: Vec<Face>,
    /// Of the picture.
    size: Size,
) -> impl IntoView {
    let dots = faces.into_iter().map(|face| {
        // Seen, and yet no wider than an iris.
        let radius = (face.width / 45.0).max(size.width.max(size.height) / 400.0);
        face.points.map(|[x, y]| view! { <circle cx=x cy=y r=radius/> }).collect_view()
    });
    view! {
        <svg class="points" viewBox=format!("0 0 {} {}", size.width, size.height) aria-hidden="true">
            {dots.collect_view()}
        </svg>
    }
}
