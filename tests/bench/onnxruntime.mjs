// The same graph in onnxruntime-web, as a web developer would use it:
// `?side=PIXELS&provider=webgpu|wasm&threads=N`, and `&layout=NCHW|NHWC` for another memory layout than its own choice.
// Leaves `bench` on the window: a promise of { version, adapter, difference, run }.

const wishes = new URLSearchParams(location.search);
const provider = wishes.get("provider");
const side = Number(wishes.get("side"));
const layout = wishes.get("layout");

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

async function start() {
  const name = await adapter();
  // The package's own builds: one with WebGPU, one without.
  const ort = await import(`/onnxruntime/ort.${provider}.bundle.min.mjs`);
  ort.env.wasm.numThreads = Number(wishes.get("threads"));
  ort.env.wasm.wasmPaths = "/onnxruntime/";
  const chosen = layout ? { name: provider, preferredLayout: layout } : provider;
  const session = await ort.InferenceSession.create("/files/detector.onnx", { executionProviders: [chosen] });
  const [pixels, expected] = [await floats("input.f32"), await floats("answers.f32")];

  // From pixels in memory to answers in memory, as ours is timed too; ours also decodes and suppresses.
  const run = async () => {
    const begin = performance.now();
    const results = await session.run({ input: new ort.Tensor("float32", pixels, [1, 3, side, side]) });
    const answers = await results.answers.getData();
    return { milliseconds: performance.now() - begin, answers };
  };
  const { answers } = await run();
  if (answers.length !== expected.length) throw new Error(`${answers.length} answers instead of ${expected.length}`);
  let [largest, difference] = [0, 0];
  expected.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - answers[index]));
  });
  return {
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    adapter: name,
    difference: difference / largest,
    run: async () => (await run()).milliseconds,
  };
}

window.bench = start();
