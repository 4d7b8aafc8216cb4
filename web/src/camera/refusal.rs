//! Why there is no camera, and what to do about it.

/// Where the browser offers no `navigator.mediaDevices` at all.
pub fn unavailable(secure: bool) -> &'static str {
    if secure {
        "This browser offers no camera to pages. Choose a photo instead, or open this page in a current browser."
    } else {
        "Browsers give a camera only to pages with a secure address. Open this page with https://, or on this very machine as http://localhost."
    }
}

/// What the browser's error means, by its name (`NotAllowedError`, …) and its own message.
pub fn sentence(name: &str, message: &str) -> String {
    match name {
        "NotAllowedError" | "SecurityError" => {
            "The camera was not allowed. Allow it for this page in the browser's address bar, then start it again.".into()
        }
        "NotFoundError" | "OverconstrainedError" => {
            "No camera was found. Connect one, or choose a photo instead.".into()
        }
        "NotReadableError" | "AbortError" => {
            "The camera does not answer: another program may be using it. Close that program, then start the camera again."
                .into()
        }
        _ => format!("The camera could not be started ({message}). Start it again, or choose a photo instead."),
    }
}

/// The camera ended by itself.
pub const LOST: &str = "The camera stopped sending pictures. Check its cable or permission, then start it again.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_remedy() {
        assert!(sentence("NotAllowedError", "Permission denied").contains("Allow it"));
        assert!(sentence("NotFoundError", "").contains("Connect one"));
        assert!(sentence("NotReadableError", "").contains("another program"));
        assert!(sentence("OddError", "it is Tuesday").contains("it is Tuesday"));
        assert!(unavailable(false).contains("https://") && unavailable(true).contains("current browser"));
    }
}
