//! What shows boards and scores: the page's second half, loaded when somebody goes there.

#[cfg(target_arch = "wasm32")]
fn main() {
    web::leaderboard::run();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program runs in a browser. Build and serve it with `cargo xtask serve`.");
}
