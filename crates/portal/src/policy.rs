//! What the browser is told to forbid the page: the privacy promise, in headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// The headers that every answer carries, errors included.
///
/// `page` is the text of `index.html`: its inline scripts (one starts the wasm module) are allowed
/// by their SHA-256, no other inline script is. They are inline because the first has to run before anything is painted, and
/// a file of its own would be waited for.
///
/// Camera frames and photos cannot leave the page: `connect-src 'self'` ends at this server, which takes no body, and
/// `form-action 'none'` closes the way around it. COOP and COEP isolate the page from other windows, which browsers
/// ask for before they give a worker shared memory and precise clocks.
pub fn headers(page: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let csp = content_security_policy(page);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        // Fixed ASCII text and base64: always a legal header value.
        HeaderValue::try_from(csp).expect("the policy is ASCII"),
    );
    headers
}

/// The value of `Content-Security-Policy` for a page with this text.
pub fn content_security_policy(page: &str) -> String {
    let mut scripts = String::from("'self' 'wasm-unsafe-eval'");
    for script in inline_scripts(page) {
        // The HTML parser turns CR LF and CR into LF before it hashes, so this does too.
        let text = script.replace("\r\n", "\n").replace('\r', "\n");
        scripts.push_str(&format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(text))));
    }
    format!(
        "default-src 'self'; script-src {scripts}; worker-src 'self' blob:; img-src 'self' blob: data:; \
         connect-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// The texts between `<script>` and `</script>` of every script element without `src`, in order.
///
/// A scanner, not an HTML parser: it reads the page that this project builds. A script inside an HTML comment counts as
/// well, which only adds the hash of a text that never runs.
fn inline_scripts(page: &str) -> Vec<&str> {
    // ASCII lower-casing keeps every byte offset, so positions found here are good in `page`.
    let lower = page.to_ascii_lowercase();
    let mut scripts = Vec::new();
    let mut at = 0;
    while let Some(open) = lower[at..].find("<script").map(|found| at + found) {
        let attributes = open + "<script".len();
        let is_tag = lower[attributes..].starts_with(|c: char| c == '>' || c == '/' || c.is_ascii_whitespace());
        let Some(close) = is_tag.then(|| tag_end(&lower, attributes)).flatten() else {
            at = attributes;
            continue;
        };
        let text = close + 1;
        let Some(end) = lower[text..].find("</script").map(|found| text + found) else {
            break;
        };
        if !has_src(&lower[attributes..close]) {
            scripts.push(&page[text..end]);
        }
        at = end;
    }
    scripts
}

/// The position of the `>` that ends the tag, skipping any inside quoted attribute values.
fn tag_end(text: &str, from: usize) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Whether a tag's attribute text has an attribute named `src` (and not only `data-src`, or a value that holds "src").
fn has_src(attributes: &str) -> bool {
    let mut outside = String::new();
    let mut quote = None;
    for c in attributes.chars() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            None => outside.push(c),
            Some(open) if open == c => {
                quote = None;
                outside.push(' ');
            }
            Some(_) => {}
        }
    }
    outside.split(|c: char| c.is_ascii_whitespace() || c == '/').any(|word| word == "src" || word.starts_with("src="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inline_scripts_are_found() {
        let page = r#"<SCRIPT type="module" nonce="a>b">one()</SCRIPT>
            <script src="/x.js"></script> <script data-src="1" title="src=">two()</script> <scripted>no</scripted>
            <script>three()</script>"#;
        assert_eq!(inline_scripts(page), ["one()", "two()", "three()"]);
    }

    #[test]
    fn an_unfinished_script_ends_the_search() {
        assert!(inline_scripts("<p><script>never closed").is_empty());
        assert!(inline_scripts("<p><script").is_empty());
    }

    #[test]
    fn the_hash_is_the_one_browsers_compute() {
        // The worked example of the Content Security Policy specification, level 3, section 8.3 on hash sources.
        let policy = content_security_policy("<script>doSubmit()</script>");
        assert!(policy.contains("'sha256-jzgBGA4UWFFmpOBq0JpdsySukE1FrEN5bUpoK8Z29fY='"), "{policy}");
    }

    #[test]
    fn line_ends_are_hashed_as_the_browser_reads_them() {
        let [unix, dos] = ["\n", "\r\n"].map(|end| content_security_policy(&format!("<script>a();{end}b()</script>")));
        assert_eq!(unix, dos);
    }

    #[test]
    fn the_page_may_talk_to_its_own_origin_only() {
        let policy = content_security_policy("");
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"));
        assert!(policy.contains("connect-src 'self';") && policy.contains("form-action 'none'"));
    }
}
