//! What paints: the page without the network.

#[cfg(target_arch = "wasm32")]
fn main() {
    web::app::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program runs in a browser. Build and serve it with `cargo xtask serve`.");
}
