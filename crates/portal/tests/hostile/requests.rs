//! Paths, queries, methods and headers.

use axum::{body::Body, http::Request};

use crate::{judge, support::TestApp};

pub(crate) async fn paths_and_queries(database: Option<String>) {
    let app = TestApp::with(database, |_| {}).await;
    let long = "a".repeat(20_000);
    let table: Vec<(&str, String, &[u16])> = vec![
        ("api board up", "/api/v1/boards/..".into(), &[404]),
        ("api board up, encoded", "/api/v1/boards/%2e%2e%2f%2e%2e%2fetc%2fpasswd".into(), &[404]),
        ("api board up, backslash", "/api/v1/boards/..%5c..%5cwindows".into(), &[404]),
        ("api board with a zero byte", "/api/v1/boards/open%00".into(), &[404]),
        ("api board, not UTF-8", "/api/v1/boards/%ff%fe".into(), &[400, 404]),
        ("api board, overlong UTF-8", "/api/v1/boards/%c0%ae%c0%ae".into(), &[400, 404]),
        ("api board, broken escape", "/api/v1/boards/%zz".into(), &[400, 404]),
        ("api board, SQL", "/api/v1/boards/open'%20OR%201=1--".into(), &[404]),
        ("api board, SQL with quotes", "/api/v1/boards/%22;DROP%20TABLE%20teams;--".into(), &[404]),
        ("api board, very long", format!("/api/v1/boards/{long}"), &[404, 414]),
        ("api board, other case", "/api/v1/boards/OPEN".into(), &[404]),
        ("api board, full width", "/api/v1/boards/%ef%bd%8fpen".into(), &[404]),
        ("api board, trailing slash", "/api/v1/boards/open/".into(), &[404]),
        ("api board, double slash", "/api/v1//boards/open".into(), &[404]),
        ("api board, semicolon", "/api/v1/boards/open;jsessionid=1".into(), &[404]),
        ("api board, newline", "/api/v1/boards/open%0d%0aSet-Cookie:%20a=b".into(), &[404]),
        ("api truth of a hidden board", "/api/v1/boards/secret/truth".into(), &[404]),
        ("api truth by another way", "/api/v1/boards/secret.truth.csv".into(), &[404]),
        ("api row up", "/api/v1/boards/open/rows/..%2f..%2fsecret.truth/predictions".into(), &[404]),
        ("api row, zero byte", "/api/v1/boards/open/rows/%00/report".into(), &[404]),
        ("api row of a paper", "/api/v1/boards/open/rows/paper/predictions".into(), &[404]),
        ("api worst, huge", "/api/v1/boards/open/rows/shipped/worst?count=99999999999999999999".into(), &[400]),
        ("api worst, beyond 32 bits", "/api/v1/boards/open/rows/shipped/worst?count=4294967296".into(), &[400]),
        ("api worst, negative", "/api/v1/boards/open/rows/shipped/worst?count=-1".into(), &[400]),
        ("api worst, none", "/api/v1/boards/open/rows/shipped/worst?count=0".into(), &[400]),
        ("api worst, a fraction", "/api/v1/boards/open/rows/shipped/worst?count=1.5".into(), &[400]),
        ("api worst, NaN", "/api/v1/boards/open/rows/shipped/worst?count=NaN".into(), &[400]),
        ("api worst, twice", "/api/v1/boards/open/rows/shipped/worst?count=1&count=2".into(), &[400]),
        ("api worst, other digits", "/api/v1/boards/open/rows/shipped/worst?count=%d9%a1".into(), &[400]),
        ("api worst, of a hidden board", "/api/v1/boards/secret/rows/x/worst".into(), &[404]),
        ("api compare without rows", "/api/v1/boards/open/compare".into(), &[400]),
        ("api compare with one row", "/api/v1/boards/open/compare?a=shipped".into(), &[400]),
        ("api compare, SQL", "/api/v1/boards/open/compare?a=shipped&b='%20OR%20'1'='1".into(), &[404]),
        ("api compare, zero byte", "/api/v1/boards/open/compare?a=shipped&b=%00".into(), &[404]),
        ("api compare, a list", "/api/v1/boards/open/compare?a[]=shipped&b[]=x".into(), &[400]),
        ("api compare, very long", format!("/api/v1/boards/open/compare?a=shipped&b={long}"), &[404, 414]),
        ("api quota without a token", "/api/v1/boards/open/quota".into(), &[401]),
        ("api me without a token", "/api/v1/me".into(), &[401]),
        ("api submission, unknown", "/api/v1/submissions/s000000000000000000000000".into(), &[404]),
        ("api submission, a file", "/api/v1/submissions/..%2fportal.sqlite".into(), &[404]),
        ("api submission, wildcard", "/api/v1/submissions/%25".into(), &[404]),
        ("api submission, zero byte", "/api/v1/submissions/s%00".into(), &[404]),
        ("api submission, emoji", "/api/v1/submissions/%f0%9f%98%80".into(), &[404]),
        ("api submission, nothing", "/api/v1/submissions/".into(), &[404]),
        ("api problems, unknown", "/api/v1/problems/none".into(), &[404]),
        ("api problems, HTML", "/api/v1/problems/%3Cscript%3E".into(), &[404]),
        ("api nowhere", "/api/v1/admin".into(), &[404]),
        ("api another version", "/api/v1/../v2/boards".into(), &[404]),
        ("database as a file", "/data/portal.sqlite".into(), &[404]),
        ("database up", "/..%2fdata/portal.sqlite".into(), &[404]),
        ("board's truth as a file", "/boards/secret.truth.csv".into(), &[404]),
        ("board's folder: the page, not a list", "/boards/".into(), &[404]),
        ("dot file", "/.env".into(), &[404]),
    ];
    for (name, path, expected) in table {
        judge(&app, name, Request::get(path).body(Body::empty()).unwrap(), expected).await;
    }
}

pub(crate) async fn methods_and_headers(database: Option<String>) {
    let app = TestApp::with(database.clone(), |_| {}).await;
    let token = app.team("Ours").await;
    for method in ["PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW"] {
        let request = Request::builder().method(method).uri("/api/v1/boards").body(Body::empty()).unwrap();
        judge(&app, &format!("api {method}"), request, &[405]).await;
    }
    let bearer = format!("Bearer {token}");
    let long = format!("Bearer glae_{}", "0".repeat(50_000));
    let tokens: [(&str, &[&str]); 14] = [
        ("empty", &[""]),
        ("scheme alone", &["Bearer"]),
        ("scheme and space", &["Bearer "]),
        ("no scheme", &[&token]),
        ("basic", &["Basic Z2xhZTpnbGFl"]),
        ("two tokens", &[&bearer, &bearer]),
        ("not ASCII", &["Bearer \u{e9}"]),
        ("SQL", &["Bearer ' OR '1'='1"]),
        ("SQL in the id", &["Bearer glae_' OR 1=1 --____'_00"]),
        ("empty parts", &["Bearer glae__"]),
        ("very long", &[&long]),
        ("truncated", &[&bearer[..bearer.len() - 1]]),
        ("null", &["Bearer null"]),
        ("JWT", &["Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."]),
    ];
    for (name, values) in tokens {
        let mut request = Request::get("/api/v1/me");
        for value in values {
            request = request.header("authorization", value.as_bytes());
        }
        judge(&app, &format!("api token, {name}"), request.body(Body::empty()).unwrap(), &[401]).await;
    }
    for (name, header, value) in [
        ("forwarded, nonsense", "x-forwarded-for", "999.999.999.999, <script>"),
        ("forwarded, many", "x-forwarded-for", &"1.1.1.1, ".repeat(2_000)),
        ("host", "host", "evil.example"),
        ("range", "range", "bytes=0-18446744073709551615"),
        ("ranges", "range", &format!("bytes={}", "0-,".repeat(1_000))),
        ("accept", "accept", "application/xml;q=nan"),
        ("method override", "x-http-method-override", "DELETE"),
        ("length of a GET", "expect", "100-continue"),
    ] {
        let request = Request::get("/api/v1/boards").header(header, value).body(Body::empty()).unwrap();
        judge(&app, &format!("api header, {name}"), request, &[200]).await;
    }
    // Without --trusted-proxies the header changes nothing: it cannot be used to get around the rate limit.
    let strict = TestApp::with(database, |limits| limits.address_per_minute = 3).await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let request = Request::get("/api/v1/boards").header("x-forwarded-for", format!("10.0.0.{number}"));
        statuses.push(strict.send(request.body(Body::empty()).unwrap()).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}
