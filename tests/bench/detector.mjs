// `cargo xtask bench detector`, the browser's part: the real page and onnxruntime-web in one Chromium, taking turns.

import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { row, takeTurns } from "./contest.mjs";
import { OnnxRuntime, Page, Worker } from "./engines.mjs";
import { onStage, wished } from "./stage.mjs";

/** Runs that are not counted: pipelines are compiled, caches fill. */
const WARM_UP = 2;

/** The same while the page shows the picture, and the browser draws it beside. */
const DRAWN = ["data-first-look-milliseconds", "GLAE, first look, while the page draws"];

/** What the page does with a photograph. */
const SEARCH = ["data-detect-milliseconds", "GLAE, whole search"];

const wishes = wished({ side: 320, rounds: 15 });

/** The page's worker: the first look at the picture, from the pixels to the faces (network, decoding and suppression), or
 * the whole search, with second looks and turns. */
class Detecting extends Page {
  constructor(device, group, attribute, engine) {
    // The small age network: its time is not what is measured here.
    super({ device, weights: "golden-tiny", group, attribute, engine });
  }

  async begin(browser) {
    await this.run(browser);
  }

  async ask(browser) {
    await browser.give("[data-testid=photo-input]", join(resolve(wishes.files), "picture.png"));
  }
}

/** Compared with others, whose single pass it is, with reading the faces on top. */
function firstLook(device, group) {
  const engine = "GLAE, first look, picture to faces";
  return new Worker({ device, weights: "golden-tiny", photo: "/files/picture.png", group, engine });
}

function peer(provider, group, layout) {
  const shape = [1, 3, wishes.side, wishes.side];
  const works = [{ model: "detector.onnx", input: "input.f32", shape, answers: "answers.f32" }];
  return new OnnxRuntime({ provider, group, layout, works, what: "network only" });
}

await onStage(wishes, async (stage) => {
  const engines = [
    firstLook("cpu", "CPU, one thread"),
    new Detecting("cpu", "CPU, one thread", ...DRAWN),
    new Detecting("cpu", "CPU, one thread", ...SEARCH),
    peer("wasm", "CPU, one thread"),
    firstLook("webgpu", "WebGPU"),
    new Detecting("webgpu", "WebGPU", ...DRAWN),
    new Detecting("webgpu", "WebGPU", ...SEARCH),
    peer("webgpu", "WebGPU"),
    // On some adapters faster than the layout it chooses by itself.
    peer("webgpu", "WebGPU", "NCHW"),
  ];
  const turns = { warmUp: WARM_UP, rounds: wishes.rounds };
  const found = await stage.browse((browser) => takeTurns(browser, engines, stage.origins, turns));
  const rounds = `${wishes.rounds} rounds after ${WARM_UP} to warm up`;
  const title = `The detector at ${wishes.side} x ${wishes.side}, in one browser`;
  const facts = [...stage.facts(), rounds, ...found];
  const measurement = { name: "detector-browser", title, facts, rows: engines.map(row) };
  await writeFile(join(wishes.files, "browser.json"), JSON.stringify(measurement, null, 2));
});
