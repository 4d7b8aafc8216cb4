// Starts the worker's program. Trunk can generate such a file, but its version leaves a failed download or an old browser
// unnoticed: the rejection stays inside the worker. Here it becomes the `Broken` reply of protocol.rs.
importScripts("/inference.js");
wasm_bindgen({ module_or_path: "/inference_bg.wasm" }).catch((error) => {
  postMessage([{ Broken: String(error) }]);
});
