//! Stub.
use leptos::prelude::*;
#[component]
pub(super) fn OwnRows() -> impl IntoView {}
