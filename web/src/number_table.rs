//! Tables of numbers.

use leptos::prelude::*;

/// A table whose first column names the rows.
pub(crate) fn number_table(
    heads: &[&str],
    rows: impl IntoIterator<Item = impl IntoIterator<Item = String>>,
) -> AnyView {
    let heads = heads.iter().map(|head| view! { <th scope="col">{(*head).to_owned()}</th> }).collect_view();
    let rows = rows.into_iter().map(|row| {
        let mut cells = row.into_iter();
        let name = cells.next();
        view! { <tr><th scope="row">{name}</th>{cells.map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr> }
    });
    view! { <table><thead><tr>{heads}</tr></thead><tbody>{rows.collect_view()}</tbody></table> }.into_any()
}

/// A part that scrolls by itself where it is too large, by keys as well.
pub(crate) fn scrolled(label: &'static str, inside: AnyView) -> AnyView {
    view! { <div class="scroll" tabindex="0" role="region" aria-label=label>{inside}</div> }.into_any()
}
