// Starts the scorer's program. As in inference_loader.js, a failed download becomes the `Broken` reply of protocol.rs.
importScripts("/scorer.js");
wasm_bindgen({ module_or_path: "/scorer_bg.wasm" }).catch((error) => {
  postMessage([{ Broken: String(error) }]);
});
