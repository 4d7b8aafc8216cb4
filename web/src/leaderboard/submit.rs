//! Stub.
use leptos::prelude::*;
#[component]
pub(super) fn Submit() -> impl IntoView {}
