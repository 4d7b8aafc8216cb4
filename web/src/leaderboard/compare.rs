//! Stub.
use leptos::prelude::*;
#[component]
pub(super) fn Compare() -> impl IntoView {}
