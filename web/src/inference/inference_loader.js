// Starts the worker's program. A failed download or an old browser would stay unnoticed inside the worker: here it becomes the
// `Broken` reply of protocol.rs.
importScripts("/inference.js");

// The program's constructors run once, before anything else (see build.rs). The compiled program is kept for a helper.
for (const name of ["instantiate", "instantiateStreaming"]) {
  const instantiate = WebAssembly[name];
  WebAssembly[name] = async (...words) => {
    const made = await instantiate.apply(WebAssembly, words);
    (made.instance ?? made).exports.__wasm_call_ctors();
    self.program = made.module;
    return made;
  };
}

if (self.name === "helper") {
  // helper.rs sends it what this program has compiled already.
  self.onmessage = ({ data }) => {
    wasm_bindgen({ module_or_path: data }).catch((error) => postMessage(String(error)));
  };
} else {
  wasm_bindgen({ module_or_path: "/inference_bg.wasm" }).catch((error) => {
    postMessage([{ Broken: String(error) }]);
  });
}
