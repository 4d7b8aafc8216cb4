// The first answer that a new visitor gets: how long it takes from an empty profile, and what is needed for it.

import { readFile } from "node:fs/promises";

import { mostHeld } from "./memory.mjs";
import { until } from "./waiting.mjs";

/** Runs before the page's own code: gives it the photograph as soon as it can be used, and notes when it answers and how
 * it got there. */
const VISITOR = (photograph) => `(() => {
  const bytes = Uint8Array.from(atob("${photograph}"), (letter) => letter.charCodeAt(0));
  const noted = (window.noted = { stages: {} });
  new MutationObserver(() => {
    const input = document.querySelector("[data-testid=photo-input]");
    if (input && !noted.usable) {
      noted.usable = performance.now();
      const chosen = new DataTransfer();
      chosen.items.add(new File([bytes], "photograph.png", { type: "image/png" }));
      input.files = chosen.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
    const stage = document.querySelector("[data-testid=status]")?.dataset.stage;
    if (stage) noted.stages[stage] ??= Math.round(performance.now());
    const answer = document.querySelector("[data-testid=estimate]");
    if (answer && !noted.milliseconds) Object.assign(noted, { ...answer.dataset, milliseconds: performance.now() });
  }).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-stage"] });
})()`;

/** The page as a new visitor has it. */
export class NewPage {
  constructor({ device, weights, group, photograph, years }) {
    const engine = "GLAE";
    Object.assign(this, { device, weights, group, photograph, years, engine, ours: true, milliseconds: [], usable: [] });
  }

  async visit(browser, { page }) {
    const source = VISITOR(await readFile(this.photograph, "base64"));
    await browser.command("Page.addScriptToEvaluateOnNewDocument", { source });
    await browser.go(`${page}/?device=${this.device}&weights=${this.weights}`);
    const look = `() => {
      const error = document.querySelector("[data-testid=error]")?.textContent;
      if (error) throw new Error("the page says: " + error);
      return window.noted.milliseconds ? window.noted : null;
    }`;
    const { device, years, milliseconds, usable, stages } = await until(() => browser.run(look), "the page shows no estimate");
    if (device !== this.device) throw new Error(`the page computed on ${device} instead of ${this.device}`);
    // What the page allows its own check, in years. NaN must not pass.
    if (!(Math.abs(Number(years) - this.years) <= 0.1)) {
      throw new Error(`the page sees ${years} years on ${device} where ${this.years} are right`);
    }
    this.usable.push(usable);
    const way = Object.entries(stages).sort(([, a], [, b]) => a - b).map(([stage, from]) => `${stage} from ${from}`);
    console.log(`${this.group}: ${way.join(", ")}, answered at ${milliseconds.toFixed(0)} ms`);
    return milliseconds;
  }

  /** What a path of the server belongs to. */
  part(path) {
    if (path.startsWith("/weights/")) return "weights";
    const [program, other] = this.device === "cpu" ? ["/processor", "/inference"] : ["/inference", "/processor"];
    if (path.startsWith(program) || path === "/inference_loader.js") return "program";
    // What shows boards and scores files is fetched by the service worker, and so is that.
    return /^\/(scorer|leaderboard|service-worker)/.test(path) || path.startsWith(other) ? "later" : "shell";
  }
}

/** onnxruntime-web as a new visitor has it. */
export class NewOnnxRuntime {
  constructor(engine) {
    this.runtime = engine;
    const { group, milliseconds } = engine;
    Object.assign(this, { group, milliseconds, ours: false });
  }

  get engine() {
    return this.runtime.engine;
  }

  async visit(browser, { bench }) {
    await browser.go(this.runtime.address(bench));
    return (await this.runtime.first(browser)).milliseconds;
  }

  part(path) {
    if (path.endsWith(".onnx")) return "weights";
    // What stands for the photograph, and answers to compare with.
    if (path.endsWith(".f32")) return null;
    return path.startsWith("/onnxruntime/") ? "program" : "shell";
  }
}

/** The bytes of each part. What is fetched a second time is kept for later visits. */
function downloads(engine, sent) {
  const parts = { shell: 0, program: 0, weights: 0, later: 0 };
  const seen = new Set();
  for (const { path, bytes } of sent) {
    const part = seen.has(path) ? "later" : engine.part(path);
    if (part) parts[part] += bytes;
    seen.add(path);
  }
  return parts;
}

/** Lets each engine answer `rounds` times from an empty profile, taking turns. Returns what each needs for it. */
export async function firstAnswers(stage, engines, rounds) {
  const needs = new Map();
  for (let round = 0; round < rounds; round += 1) {
    const times = [];
    for (let turn = 0; turn < engines.length; turn += 1) {
      const engine = engines[(round + turn) % engines.length];
      const { sent } = stage.servers[engine.ours ? "page" : "bench"];
      await stage.browse(async (browser) => {
        sent.length = 0;
        const visit = () => engine.visit(browser, stage.origins);
        const { result, memory } = await mostHeld(browser.child.pid, visit);
        engine.milliseconds.push(result);
        times[engines.indexOf(engine)] = result.toFixed(0);
        const most = memory === null ? null : Math.max(memory, needs.get(engine)?.memory ?? 0);
        needs.set(engine, { ...downloads(engine, sent), memory: most });
        for (const { level, message } of await browser.console()) console.log(`${engine.engine}, ${level}: ${message}`);
      });
    }
    console.log(`first answer ${round + 1}: ${times.join(", ")} ms`);
  }
  return engines.map((engine) => ({ group: engine.group, engine: engine.engine, ...needs.get(engine) }));
}
