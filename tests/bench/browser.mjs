// `cargo xtask bench browser`: the real page and onnxruntime-web, taking turns at an estimate in one Chromium; then the
// first answer that each gives from an empty profile.

import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { row, takeTurns } from "./contest.mjs";
import { OnnxRuntime, Page } from "./engines.mjs";
import { NewOnnxRuntime, NewPage, firstAnswers } from "./first.mjs";
import { onStage, wished } from "./stage.mjs";
import { until } from "./waiting.mjs";

/** Runs that are not counted. When its turn comes each engine has computed at least once. */
const WARM_UP = 1;

/** Seconds until V8 has translated what an engine on the CPU runs most with its better compiler, for everybody: sooner it
 * depends on chance. */
const TRANSLATED = 25;

const MEGABYTE = 1e6;

// SwiftShader takes ten seconds and more for one run of a large network.
const wishes = wished({ cpu: 15, webgpu: 15, slow: 3, first: 3 });

/** From this side on a network is large. */
const LARGE = 128;

/** The age network of the page, on a square marked by hand: no face needs to be found for it. */
class Estimating extends Page {
  constructor(device, group, { name, years }, threads = 1) {
    super({ device, weights: name, group, threads, attribute: "data-milliseconds", engine: "GLAE" });
    Object.assign(this, { years, keys: ["+", "-"] });
  }

  async begin(browser) {
    await browser.give("[data-testid=photo-input]", join(resolve(wishes.files), this.weights, "picture.png"));
    const looked = "() => document.querySelector('[data-testid=faces][aria-busy=false]') !== null";
    await until(() => browser.run(looked), "the page does not say which faces the picture has");
    // At first the square is the whole picture, which is just as large as what the network takes.
    const { years } = await this.answer(browser, () => {
      return browser.run("() => document.querySelector('[data-testid=by-hand]').click()");
    });
    // What the page allows its own check, in years. NaN must not pass.
    if (!(Math.abs(Number(years) - this.years) <= 0.1)) {
      throw new Error(`the page answers ${years} years on ${this.device} where ${this.years} are right`);
    }
    // The second worker is called after the first answer.
    await until(
      async () => Number((await this.answer(browser, () => this.ask(browser))).workers) === this.threads,
      `the page does not compute with ${this.threads} workers`,
    );
  }

  /** Makes the square smaller and larger by turns. */
  async ask(browser) {
    this.keys.reverse();
    await browser.run(`(key) => document.querySelector("[data-testid=crop]")
      .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))`, this.keys[0]);
  }
}

/** The graph of an age network for onnxruntime-web. */
function graph({ name, side }) {
  const own = (file) => `${name}/${file}`;
  return { model: own("network.onnx"), input: own("input.f32"), shape: [2, 3, side, side], answers: own("logits.f32") };
}

const what = "whole network";

function onProcessor(network) {
  const works = [graph(network)];
  const group = (threads) => `${network.title}, CPU, ${threads} thread${threads > 1 ? "s" : ""}`;
  const peer = (threads) => new OnnxRuntime({ provider: "wasm", threads, group: group(threads), works, what, of: network.title });
  const own = (threads) => new Estimating("cpu", group(threads), network, threads);
  return [own(1), peer(1), own(2), peer(2)];
}

function onWebGpu(network) {
  const [group, works] = [`${network.title}, WebGPU`, [graph(network)]];
  const peer = (layout) => new OnnxRuntime({ provider: "webgpu", group, layout, works, what, of: network.title });
  // On some adapters NCHW is faster than the layout it chooses by itself.
  return [new Estimating("webgpu", group, network), peer(""), peer("NCHW")];
}

/** Who gives a first answer: both networks are loaded, the detector sees the photograph, the age network a face. */
function newcomers(plan, network) {
  const photograph = join(wishes.files, "detector", "picture.png");
  const detector = {
    model: "detector/detector.onnx",
    input: "detector/input.f32",
    shape: [1, 3, plan.side, plan.side],
    answers: "detector/answers.f32",
  };
  const works = [detector, graph(network)];
  return ["WebGPU", "CPU"].flatMap((name) => {
    const [group, device] = [`${network.title}, first answer, ${name}`, name.toLowerCase()];
    const provider = device === "cpu" ? "wasm" : device;
    return [
      new NewPage({ device, weights: network.name, group, photograph, years: network.face_years }),
      new NewOnnxRuntime(new OnnxRuntime({ provider, group, works, what: "both networks" })),
    ];
  });
}

function aims(networks, [page]) {
  const ratios = networks.flatMap(({ title, side }) => [
    [`${title}, WebGPU`, side >= LARGE ? 5 : 7],
    [`${title}, first answer, WebGPU`, side >= LARGE ? 4 : 6],
    [`${title}, CPU, 1 thread`, 1.8],
    [`${title}, CPU, 2 threads`, 1.6],
    [`${title}, first answer, CPU`, 1.3],
  ]);
  return [
    ...ratios.map(([group, least]) => ({ kind: "ratio", group, least })),
    { kind: "bytes", what: "page until it can be used", found: page.shell, most: 0.3 * MEGABYTE },
    { kind: "bytes", what: "page and program", found: page.shell + page.program, most: 2 * MEGABYTE },
  ];
}

/** When the page can be used, in all of a new visitor's visits. */
function usable(engines) {
  const milliseconds = engines.flatMap((engine) => engine.usable ?? []);
  return { group: "page until it can be used", engine: "GLAE", ours: true, milliseconds };
}

await onStage(wishes, async (stage) => {
  const plan = JSON.parse(await readFile(join(wishes.files, "plan.json"), "utf8"));
  const facts = new Set();
  const engines = [];
  await stage.browse(async (browser) => {
    for (const network of plan.networks) {
      const slow = network.side >= LARGE ? wishes.slow : wishes.webgpu;
      const groups = [
        [onProcessor(network), { warmUp: WARM_UP, seconds: TRANSLATED, rounds: wishes.cpu }],
        [onWebGpu(network), { warmUp: WARM_UP, rounds: slow }],
      ];
      for (const [group, turns] of groups) {
        const found = await takeTurns(browser, group, stage.origins, turns);
        for (const fact of found) facts.add(fact);
        engines.push(...group);
      }
    }
    for (const { level, message } of await browser.console()) console.log(`console, ${level}: ${message}`);
  });
  const needs = [];
  for (const network of plan.networks) {
    const group = newcomers(plan, network);
    needs.push(...(await firstAnswers(stage, group, wishes.first)));
    engines.push(...group);
  }
  const { cpu, webgpu, slow, first } = wishes;
  const rounds =
    `rounds: ${cpu} on the CPU, ${webgpu} on WebGPU and ${slow} there from ${LARGE} x ${LARGE} on, after ${WARM_UP} to warm up, on the CPU ${TRANSLATED} s; ` +
    `${first} first answers`;
  const measurement = {
    name: "browser",
    title: "A face and its mirror image, in one browser",
    facts: [...stage.facts(), rounds, ...facts],
    rows: [...engines.map(row), usable(engines)],
    needs,
    aims: aims(plan.networks, needs),
  };
  await writeFile(join(wishes.files, "browser.json"), JSON.stringify(measurement, null, 2));
});
