// Our graphs in onnxruntime-web, as a web developer would use it: `?provider=webgpu|wasm&threads=N`, `&layout=NCHW|NHWC` for
// another memory layout than its own choice, and `&works=` a list of { model, input, shape, answers }: the files under
// /files/ of a graph, its input of that shape, and our answers to it.
// Leaves `bench` on the window: a promise of { version, adapter, difference, milliseconds, run } that is kept when all
// works are done once, those milliseconds after the navigation; `run` does the last one again.

const wishes = new URLSearchParams(location.search);
const provider = wishes.get("provider");
const threads = Number(wishes.get("threads"));
const layout = wishes.get("layout");
const works = JSON.parse(wishes.get("works"));

async function floats(name) {
  const answer = await fetch(`/files/${name}`);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return new Float32Array(await answer.arrayBuffer());
}

async function adapter() {
  if (provider !== "webgpu") return "";
  const found = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!found) throw new Error("this browser found no adapter for WebGPU");
  const { vendor, architecture, device, description } = found.info;
  return description || [vendor, architecture, device].filter(Boolean).join(" ");
}

async function prepared(ort, { model, input, shape }) {
  const chosen = layout ? { name: provider, preferredLayout: layout } : provider;
  const session = await ort.InferenceSession.create(`/files/${model}`, { executionProviders: [chosen] });
  const pixels = await floats(input);
  // Without shared memory it makes do with one thread, and says so only on the console.
  if (ort.env.wasm.numThreads !== threads) throw new Error(`${ort.env.wasm.numThreads} threads instead of ${threads}`);
  const [[from], [to]] = [session.inputNames, session.outputNames];
  // From pixels in memory to answers in memory, as ours is timed too.
  return async () => {
    const begin = performance.now();
    const results = await session.run({ [from]: new ort.Tensor("float32", pixels, shape) });
    const answers = await results[to].getData();
    return { milliseconds: performance.now() - begin, answers };
  };
}

/** The largest difference, in shares of the largest number that is expected. */
async function difference(answers, file) {
  const expected = await floats(file);
  if (answers.length !== expected.length) throw new Error(`${answers.length} answers instead of ${expected.length}`);
  let [largest, most] = [0, 0];
  // `Math.max` keeps NaN, which no engine gets away with.
  expected.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    most = Math.max(most, Math.abs(value - answers[index]));
  });
  return most / largest;
}

async function start() {
  // The package's own builds: one with WebGPU, one without.
  const ort = await import(`/onnxruntime/ort.${provider}.bundle.min.mjs`);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = "/onnxruntime/";
  // One session after the other, as the package demands of WebGPU.
  const runs = [];
  for (const work of works) runs.push(await prepared(ort, work));
  const found = [];
  for (const run of runs) found.push((await run()).answers);
  const milliseconds = performance.now();
  const differences = await Promise.all(works.map(({ answers }, index) => difference(found[index], answers)));
  return {
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    adapter: await adapter(),
    difference: Math.max(...differences),
    milliseconds,
    run: async () => (await runs.at(-1)()).milliseconds,
  };
}

window.bench = start();
