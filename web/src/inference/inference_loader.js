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

const start = (program) => {
  self.onmessage = null;
  wasm_bindgen({ module_or_path: program }).catch((error) => postMessage([{ Broken: String(error) }]));
};
// helper.rs sends what its own program has compiled already.
if (self.name === "helper") self.onmessage = ({ data }) => start(data);
else start("/inference_bg.wasm");
