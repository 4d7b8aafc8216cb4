// Starts the worker's program, which the worker is named by: `inference`, or `processor`, which lacks WebGPU and is a quarter of
// the size. A failed download or an old browser would stay unnoticed inside the worker: here it becomes the `Broken` reply of
// protocol.rs.

// Whether the browser's registers multiply and add in one instruction (f32x4.relaxed_madd), which takes a sixth less time: the
// processor's program exists with and without. The service worker asks too, and does nothing else with this file.
self.relaxed = WebAssembly.validate(
  Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0],
    ...[65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 133, 2, 11],
  ),
);

if (self.DedicatedWorkerGlobalScope) {
  const [named, helps] = self.name.split(" ");
  const own = named === "processor" && self.relaxed ? "processor_relaxed" : named;
  importScripts(`/${own}.js`);

  // The program's constructors run once, before anything else (see build.rs). The compiled program is kept for a helper.
  for (const way of ["instantiate", "instantiateStreaming"]) {
    const instantiate = WebAssembly[way];
    WebAssembly[way] = async (...words) => {
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
  if (helps) self.onmessage = ({ data }) => start(data);
  else start(`/${own}_bg.wasm`);
}
