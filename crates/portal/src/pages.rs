//! The few pages that the server writes itself: the API's description and the kinds of problems. No script.

use std::fmt::Write;

use glae_api::ROOT;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::problem::Kind;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1b1b1f;\
background:#fff}code,pre{font-family:ui-monospace,monospace;font-size:.9em}h2{margin-top:2.5rem}article{border-top:1px \
solid #c8c8d0;padding:.5rem 0 1rem}h3{margin:.5rem 0;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #e4e4ea}\
.method{display:inline-block;min-width:4.5rem;font-weight:700;color:#0b4f9e}a{color:#0b4f9e}\
@media (prefers-color-scheme:dark){body{background:#16161a;color:#e8e8ee}.method,a{color:#8ec2ff}\
article{border-color:#44444e}th,td{border-color:#33333b}}";

/// The API's description as a page.
pub fn api(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut body = String::new();
    // Writing into a String does not fail.
    let _ = write_api(&mut body, &document);
    page("The leaderboard's API", &body)
}

/// What a kind of problem means.
pub fn problem(kind: Kind) -> String {
    let body = format!(
        "<h1>{}</h1><p>HTTP status {}.</p><p>{}</p><p><a href=\"{ROOT}/\">The API's description</a></p>",
        escaped(kind.title),
        kind.status.as_u16(),
        escaped(kind.meaning)
    );
    page(kind.title, &body)
}

fn write_api(out: &mut String, document: &Value) -> std::fmt::Result {
    write!(out, "<h1>{}</h1>", text(&document["info"]["title"]))?;
    write!(out, "<p>{}</p>", text(&document["info"]["description"]))?;
    write!(out, "<p>For programs: <a href=\"{ROOT}/openapi.json\">openapi.json</a>.</p>")?;
    for tag in document["tags"].as_array().into_iter().flatten() {
        write!(out, "<section><h2>{}</h2><p>{}</p>", text(&tag["name"]), text(&tag["description"]))?;
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let own = operation["tags"].as_array().is_some_and(|tags| tags.contains(&tag["name"]));
                if own {
                    write_operation(out, method, path, operation)?;
                }
            }
        }
        write!(out, "</section>")?;
    }
    write!(out, "<section><h2>Types</h2>")?;
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        write_schema(out, name, schema)?;
    }
    write!(out, "</section>")
}

fn write_operation(out: &mut String, method: &str, path: &str, operation: &Value) -> std::fmt::Result {
    let (method, path) = (escaped(&method.to_uppercase()), escaped(path));
    write!(out, "<article><h3><span class=\"method\">{method}</span> <code>{path}</code></h3>")?;
    write!(out, "<p>{}</p>", text(&operation["summary"]))?;
    if operation["description"].is_string() {
        write!(out, "<p>{}</p>", text(&operation["description"]))?;
    }
    if let Some(schemes) = operation["security"].as_array() {
        let optional = schemes.iter().any(|scheme| scheme.as_object().is_some_and(serde_json::Map::is_empty));
        write!(out, "<p>Token: {}.</p>", if optional { "optional" } else { "needed" })?;
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<_> = parameters
        .map(|parameter| {
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                text(&parameter["description"])
            )
        })
        .collect();
    if !parameters.is_empty() {
        write!(out, "<table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>{}</table>", parameters.concat())?;
    }
    for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        write!(out, "<p>Body: <code>{}</code> {}</p>", escaped(kind), schema_name(&content["schema"]))?;
    }
    write!(out, "<table><tr><th>Answer</th><th>Meaning</th><th>Content</th></tr>")?;
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let contents: Vec<_> = answer["content"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, content)| format!("<code>{}</code> {}", escaped(kind), schema_name(&content["schema"])))
            .collect();
        let (status, meaning) = (escaped(status), text(&answer["description"]));
        write!(out, "<tr><td>{status}</td><td>{meaning}</td><td>{}</td></tr>", contents.join("<br>"))?;
    }
    write!(out, "</table></article>")
}

fn write_schema(out: &mut String, name: &str, schema: &Value) -> std::fmt::Result {
    let name = escaped(name);
    write!(out, "<article id=\"type-{name}\"><h3>{name}</h3><p>{}</p>", text(&schema["description"]))?;
    let fields: Vec<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, of)| {
            let (field, meaning) = (escaped(field), text(&of["description"]));
            format!("<tr><td><code>{field}</code></td><td>{}</td><td>{meaning}</td></tr>", schema_name(of))
        })
        .collect();
    if !fields.is_empty() {
        write!(out, "<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>{}</table>", fields.concat())?;
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("<code>{}</code>", text(value))).collect();
        write!(out, "<p>One of {}.</p>", values.join(", "))?;
    }
    write!(out, "</article>")
}

/// A schema in a word: a link to a named one, or its type.
fn schema_name(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#type-{name}\">{name}</a>");
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return choices.iter().map(schema_name).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", schema_name(&schema["items"])),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::String(kind) => escaped(kind),
        _ => "JSON".to_owned(),
    }
}

fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>"
    )
}

/// A JSON string as HTML text; line breaks of doc comments become spaces.
fn text(value: &Value) -> String {
    escaped(&value.as_str().unwrap_or_default().replace('\n', " "))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_each_operation_and_escapes() {
        let page = api(&crate::api::document());
        for wanted in ["/api/v1/boards/{board}/submissions", "POST", "Idempotency-Key", "id=\"type-Problem\""] {
            assert!(page.contains(wanted), "{wanted}");
        }
        assert!(!page.contains("<script"));
        assert_eq!(escaped("<a href='\"'>&"), "&lt;a href=&#39;&quot;&#39;&gt;&amp;");
    }

    #[test]
    fn each_kind_of_problem_has_a_page() {
        for kind in Kind::ALL {
            assert!(problem(*kind).contains(&escaped(kind.title)), "{}", kind.slug);
            assert_eq!(Kind::named(kind.slug), Some(*kind));
        }
    }
}
