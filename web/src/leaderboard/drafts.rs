//! Forms that are half filled in: kept while the visitor looks at other pages, and over a reload where the browser keeps
//! data. Closing the tab, which would lose them, asks first.

use std::collections::HashMap;

use leptos::prelude::*;

use super::api::{from_json, json};
use super::draft::Draft;
use crate::storage::{of_the_tab, read, write};

/// Handle to the drafts; copies are cheap and all mean the same ones.
#[derive(Clone, Copy)]
pub(super) struct Drafts(StoredValue<HashMap<String, Draft>>);

impl Drafts {
    /// None yet. Asks before the tab is closed, for as long as the program runs.
    pub(super) fn new() -> Self {
        let drafts = Self(StoredValue::new(HashMap::new()));
        let _ = window_event_listener(leptos::ev::beforeunload, move |event| {
            if drafts.0.with_value(|drafts| !drafts.is_empty()) {
                event.prevent_default();
                // Older browsers ask only where there is a text; none shows it.
                event.set_return_value("A form is half filled in.");
            }
        });
        drafts
    }

    /// What was typed about something: a board's new submission, or a row.
    pub(super) fn kept(self, about: &str) -> Option<Draft> {
        let known = self.0.with_value(|drafts| drafts.get(about).cloned());
        known.or_else(|| from_json(&read([of_the_tab(), None], &name(about))?))
    }

    /// Keeps what was typed, or forgets it.
    pub(super) fn keep(self, about: &str, draft: Option<&Draft>) {
        write(of_the_tab(), &name(about), draft.map(|draft| json(draft, false)).as_deref());
        self.0.update_value(|drafts| match draft {
            Some(draft) => drop(drafts.insert(about.to_owned(), draft.clone())),
            None => drop(drafts.remove(about)),
        });
    }
}

fn name(about: &str) -> String {
    format!("glae-draft-{about}")
}
