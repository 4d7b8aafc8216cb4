//! `processor` for registers that multiply and add in one instruction.

#[cfg(target_arch = "wasm32")]
fn main() {
    web::inference::worker::run();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program runs in a browser's Web Worker. Build and serve the page with `cargo xtask serve`.");
}
