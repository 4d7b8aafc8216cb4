//! What both pages know: where the documents come from, and which team the visitor speaks for.

use glae_api::Token;
use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::address::{ApiDocument, Source};
use super::api::{Call, Failure, from_json, json};
use super::drafts::Drafts;
use crate::storage::{lasting, of_the_tab, read, write};

/// The name under which a team's token is kept in the browser.
const KEPT: &str = "glae-team";

/// The name under which a token is kept that the server has refused: it may be the only copy.
const REFUSED: &str = "glae-team-refused";

/// Handle to it all; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    /// Who answers; `None` until the first answer.
    pub(super) source: RwSignal<Option<Source>>,
    /// The team's token.
    pub(super) team: RwSignal<Option<Token>>,
    /// A token that the server has refused, until the visitor decides what becomes of it.
    pub(super) refused: RwSignal<Option<Token>>,
    /// A token that was just made, until its owner has kept it: it is shown this once, so it must outlast a look at
    /// another page.
    pub(super) fresh: RwSignal<Option<Token>>,
    /// Forms that are half filled in.
    pub(super) drafts: Drafts,
}

impl Desk {
    /// A desk with the token that the browser has kept, if there is one.
    pub(super) fn new() -> Self {
        let kept = read([of_the_tab(), lasting()], KEPT);
        let team = kept.and_then(|text| from_json::<Token>(&text));
        let team = team.filter(|team| team.expires as f64 > js_sys::Date::now() / 1000.0);
        Self {
            source: RwSignal::new(None),
            team: RwSignal::new(team),
            refused: RwSignal::new(read([of_the_tab(), lasting()], REFUSED).and_then(|text| from_json::<Token>(&text))),
            fresh: RwSignal::new(None),
            drafts: Drafts::new(),
        }
    }

    /// Whether everything must be read-only, as far as is known.
    pub(super) fn is_copy(self) -> bool {
        self.source.get() == Some(Source::Files)
    }

    /// The token for a request.
    pub(super) fn token(self) -> Option<String> {
        self.team.with_untracked(|team| team.as_ref().map(|team| team.token.clone()))
    }

    /// Speaks for a team from now on: until the tab is closed, or until it is told to forget.
    pub(super) fn sign_in(self, token: Token) {
        write(of_the_tab(), KEPT, Some(&json(&token, false)));
        self.team.set(Some(token));
    }

    /// Keeps the token after the tab is closed, or no longer.
    pub(super) fn remember(self, remember: bool) {
        let team = self.team.get_untracked().filter(|_| remember).map(|team| json(&team, false));
        write(lasting(), KEPT, team.as_deref());
    }

    /// Whether the token outlives the tab.
    pub(super) fn is_remembered(self) -> bool {
        read([lasting(), None], KEPT).is_some()
    }

    /// Puts a token aside that the server has refused: it may have been replaced, or the server may be another one.
    pub(super) fn refuse(self) {
        let Some(token) = self.team.get_untracked() else { return };
        let text = json(&token, false);
        if self.is_remembered() {
            write(lasting(), REFUSED, Some(&text));
        }
        write(of_the_tab(), REFUSED, Some(&text));
        self.refused.set(Some(token));
        for storage in [of_the_tab(), lasting()] {
            write(storage, KEPT, None);
        }
        self.team.set(None);
    }

    /// Uses the refused token again, or forgets it.
    pub(super) fn decide(self, again: bool) {
        let token = self.refused.get_untracked();
        let remembered = read([lasting(), None], REFUSED).is_some();
        for storage in [of_the_tab(), lasting()] {
            write(storage, REFUSED, None);
        }
        self.refused.set(None);
        if let Some(token) = token.filter(|_| again) {
            self.sign_in(token);
            self.remember(remembered);
        }
    }

    /// Forgets the token everywhere.
    pub(super) fn sign_out(self) {
        for storage in [of_the_tab(), lasting()] {
            write(storage, KEPT, None);
        }
        self.fresh.set(None);
        self.team.set(None);
    }

    /// A document, from the server or, where none answers, from the files of a static copy.
    pub(super) async fn read<T: DeserializeOwned>(self, document: ApiDocument<'_>) -> Result<T, Failure> {
        let known = self.source.get_untracked();
        let mut status = 0;
        for source in [Source::Server, Source::Files].into_iter().filter(|source| known.is_none_or(|it| it == *source))
        {
            // A file is the same for everybody, and its host shall not learn of the team.
            let token = self.token().filter(|_| source == Source::Server);
            let address = document.at(source);
            let (answered, json) = match Call::get(&address, token.as_deref()).answer().await {
                Err(failure) if failure.status == 401 && token.is_some() => {
                    self.refuse();
                    Call::get(&address, None).answer().await?
                }
                other => other?,
            };
            status = answered;
            if let Some(value) = json.and_then(|json| serde_wasm_bindgen::from_value(json).ok()) {
                self.source.set(Some(source));
                return Ok(value);
            }
        }
        Err(Failure::not_the_api(status))
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}
