//! Burn's backends register themselves in constructors. The linker would run them at the start of every call from
//! JavaScript; exported, they are run once, by `inference_loader.js`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        for program in ["inference", "processor", "processor_relaxed"] {
            println!("cargo::rustc-link-arg-bin={program}=--export=__wasm_call_ctors");
        }
    }
}
