//! Answers that do not come from the leaderboard's server: of a proxy before it, of a network's sign-in page, of a host that
//! has only files. The page and the command line explain them in the same words.

/// What it was and what helps, as a few words and a sentence or two.
pub fn explained(status: u16) -> (String, &'static str) {
    match status {
        413 => (
            "Too large for the way to the server (413)".into(),
            "Something before the leaderboard's server, such as its proxy, refused the file for its size; the server has not \
             seen it. Send fewer columns (the age alone, without p_0 to p_100), or ask whoever runs this site to raise that \
             limit (in nginx: client_max_body_size).",
        ),
        408 | 504 => (
            format!("The answer took too long ({status})"),
            "Something before the leaderboard's server stopped waiting for it. Try again; with a large file, over a faster \
             connection.",
        ),
        429 => (
            "Too many requests (429)".into(),
            "Something before the leaderboard's server counts requests. Wait a minute and try again.",
        ),
        502 | 503 => (
            format!("The server cannot be reached ({status})"),
            "A proxy answered, and the leaderboard's server behind it did not. It may be starting anew: try again in a minute. \
             Nothing was saved.",
        ),
        511 => ("This network asks for a sign-in (511)".into(), SIGN_IN),
        200..=299 => (format!("A web page came instead of an answer ({status})"), SIGN_IN),
        _ => (
            format!("Unexpected answer ({status})"),
            "What answered is not the leaderboard's server. Check the address, or try again later.",
        ),
    }
}

const SIGN_IN: &str = "It is not the leaderboard's server that answered: perhaps the network wants a sign-in first. Open any \
                       other site in a browser, follow what it says, and try again.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stranger_is_named_with_a_remedy() {
        assert!(explained(413).1.contains("client_max_body_size") && explained(413).0.contains("413"));
        assert!(explained(502).1.contains("starting anew"));
        assert!(explained(504).0.contains("too long"));
        for status in [200, 511] {
            assert!(explained(status).1.contains("sign-in"), "{status}");
        }
        assert!(explained(418).0.contains("418"));
    }
}
