//! What scores: the Web Worker with the metrics, without the network.

#[cfg(target_arch = "wasm32")]
fn main() {
    web::scoring::worker::run();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program runs in a browser's Web Worker. Build and serve the page with `cargo xtask serve`.");
}
