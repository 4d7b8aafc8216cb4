//! The form about a method: for a new submission and for changing one.

use std::borrow::Cow;

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlTextAreaElement};

use super::draft::{Draft, Field};

/// What is wrong with which field.
pub(super) type Wrong = RwSignal<Vec<(Field, Cow<'static, str>)>>;

/// All fields. What they hold is in `draft`; what is wrong with them in `wrong`.
#[component]
pub(super) fn MetadataFields(
    /// Begins every id, so that two forms on a page do not share any.
    prefix: &'static str,
    /// As typed.
    draft: RwSignal<Draft>,
    /// Shown beside the fields.
    wrong: Wrong,
) -> impl IntoView {
    let text = move |field, label, hint, part| {
        view! { <TextField id=id(prefix, field) label hint field part draft wrong/> }
    };
    view! {
        {text(Field::Method, "Method", "Its name on the board.", |draft| &mut draft.method)}
        {text(Field::Authors, "Authors", "", |draft| &mut draft.authors)}
        {text(Field::Year, "Year", "", |draft| &mut draft.year)}
        {text(Field::Backbone, "Backbone", "As in “ResNet-18”.", |draft| &mut draft.backbone)}
        {text(Field::Parameters, "Parameters in millions", "As in “11.7”.", |draft| &mut draft.parameters)}
        <ExternalField prefix draft wrong/>
        {text(Field::Seed, "Seed", "Of the training run. Seeds of one method become one row, with mean and deviation.", |draft| &mut draft.seed)}
        {text(Field::Paper, "Paper", "An address that begins with https://.", |draft| &mut draft.paper)}
        {text(Field::Code, "Code", "An address that begins with https://.", |draft| &mut draft.code)}
        {text(Field::Notes, "Notes", "", |draft| &mut draft.notes)}
        <fieldset>
            <legend>"Who may see it"</legend>
            {[(false, "Only your team, until you publish it"), (true, "All visitors, at once")].map(|(public, label)| view! {
                <label class="choice">
                    <input
                        type="radio"
                        name=format!("{prefix}-visibility")
                        prop:checked=move || draft.with(|draft| draft.public == public)
                        on:change=move |_| draft.update(|draft| draft.public = public)
                    />
                    <span>{label}</span>
                </label>
                " "
            }).collect_view()}
        </fieldset>
    }
}

/// Shows what is wrong and takes the keyboard to the first of it.
pub(super) fn show_wrong(prefix: &str, wrong: Wrong, fields: Vec<(Field, Cow<'static, str>)>) {
    let first = fields.first().map(|(field, _)| id(prefix, *field));
    wrong.set(fields);
    if let Some(first) = first {
        super::board::focus(&first);
    }
}

fn id(prefix: &str, field: Field) -> String {
    format!("{prefix}-{}", format!("{field:?}").to_lowercase())
}

fn of(wrong: Wrong, field: Field) -> Option<Cow<'static, str>> {
    wrong.with(|wrong| wrong.iter().find(|(own, _)| *own == field).map(|(_, remedy)| remedy.clone()))
}

#[component]
fn TextField(
    /// Of the input.
    id: String,
    /// Above it.
    label: &'static str,
    /// Below the label; may be empty.
    hint: &'static str,
    /// Which field it is.
    field: Field,
    /// Where its text is kept.
    part: fn(&mut Draft) -> &mut String,
    /// As typed.
    draft: RwSignal<Draft>,
    /// What is wrong with which field.
    wrong: Wrong,
) -> impl IntoView {
    let value = move || draft.with(|draft| part(&mut draft.clone()).clone());
    let write = move |text: String| {
        draft.update(|draft| *part(draft) = text);
        wrong.update(|wrong| wrong.retain(|(own, _)| *own != field));
    };
    let is_wrong = move || of(wrong, field).map(|_| "true");
    let described = format!("{id}-hint");
    let required = (field == Field::Method).then_some("true");
    let input = if field == Field::Notes {
        let write = move |event: ev::Event| {
            let area: HtmlTextAreaElement = event.target().expect("an input has a target").unchecked_into();
            write(area.value());
        };
        view! {
            <textarea id=id.clone() prop:value=value aria-invalid=is_wrong aria-describedby=described.clone() on:input=write></textarea>
        }
        .into_any()
    } else {
        let write = move |event: ev::Event| {
            let input: HtmlInputElement = event.target().expect("an input has a target").unchecked_into();
            write(input.value());
        };
        let mode = match field {
            Field::Year | Field::Seed => "numeric",
            Field::Parameters => "decimal",
            Field::Paper | Field::Code => "url",
            _ => "text",
        };
        view! {
            <input
                id=id.clone()
                type="text"
                inputmode=mode
                autocomplete="off"
                prop:value=value
                aria-required=required
                aria-invalid=is_wrong
                aria-describedby=described.clone()
                on:input=write
            />
        }
        .into_any()
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            {input}
            <span id=described>
                {(!hint.is_empty()).then(|| view! { <span class="small">{hint}</span> })}
                {move || of(wrong, field).map(|remedy| view! { <span class="wrong">{remedy}</span> })}
            </span>
        </div>
    }
}

#[component]
fn ExternalField(
    /// Begins every id.
    prefix: &'static str,
    /// As chosen.
    draft: RwSignal<Draft>,
    /// What is wrong with which field.
    wrong: Wrong,
) -> impl IntoView {
    let choices = [(false, "No, only this board's training part"), (true, "Yes, other faces or ages as well")];
    let choices = choices.map(|(used, label)| {
        // The first one carries the id: an error takes the keyboard there.
        let own_id = (!used).then(|| id(prefix, Field::External));
        view! {
            <label class="choice">
                <input
                    id=own_id
                    type="radio"
                    name=format!("{prefix}-external")
                    prop:checked=move || draft.with(|draft| draft.external == Some(used))
                    on:change=move |_| {
                        draft.update(|draft| draft.external = Some(used));
                        wrong.update(|wrong| wrong.retain(|(own, _)| *own != Field::External));
                    }
                />
                <span>{label}</span>
            </label>
            " "
        }
    });
    view! {
        <fieldset>
            <legend>"Did it learn from external data?"</legend>
            <span class="small">"General pre-training, such as on ImageNet, counts as none."</span>
            {choices.collect_view()}
            {move || of(wrong, Field::External).map(|remedy| view! { <span class="wrong">{remedy}</span> })}
        </fieldset>
    }
}
