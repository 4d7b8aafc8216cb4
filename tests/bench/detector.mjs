// `cargo xtask bench detector`, the browser's part: the real page and onnxruntime-web in one Chromium, taking turns.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { serve } from "./server.mjs";
import { Browser, started } from "./webdriver.mjs";

/** Runs that are not counted: pipelines are compiled, caches fill. */
const WARM_UP = 2;

/** Enough for a cold start on a busy machine whose WebGPU is computed by the processor. */
const LIMIT = 600_000;

/** The largest difference from our answers, in shares of the largest of them. */
const SAME = 1e-3;

/** Those of the browser tests: WebGPU without a GPU, no requests of the browser's own. The last three keep windows that
 * nobody looks at from being slowed down. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-webgpu-adapter=swiftshader",
  "--disable-vulkan-surface",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--window-size=1440,1000",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

const text = { type: "string" };
const { values: wishes } = parseArgs({
  options: {
    portal: text, // the server's program
    site: text, // the built page
    public: text, // public/
    chromium: text,
    driver: text,
    onnxruntime: text, // the package's folder `dist`
    files: text, // what `trainer bench detector` left; browser.json goes there too
    side: { ...text, default: "320" },
    rounds: { ...text, default: "15" },
  },
});

/** The page, measured by what it says itself: network, decoding and suppression in its worker. */
class Page {
  constructor(device, group) {
    Object.assign(this, { device, group, engine: "GLAE, picture to faces", ours: true, milliseconds: [] });
  }

  async open(browser, { page }) {
    // The small age network: its time is not what is measured here.
    this.handle = await browser.open(`${page}/?device=${this.device}&weights=golden-tiny`);
    const input = "() => document.querySelector('[data-testid=photo-input]') !== null";
    await until(() => browser.run(input), "the page shows no [data-testid=photo-input]");
    // Counts answers, because two may be equal to the last digit. An answer shows when the attribute is written, or
    // when an element that has it comes into the page.
    await browser.run(`() => {
      window.answers = 0;
      const name = "data-detect-milliseconds";
      const holds = (node) => node.nodeType === 1 && (node.hasAttribute(name) || node.querySelector("[" + name + "]"));
      new MutationObserver((changes) => {
        const fresh = (change) => change.type === "attributes"
          ? change.target.hasAttribute(name)
          : [...change.addedNodes].some(holds);
        if (changes.some(fresh)) window.answers += 1;
      }).observe(document.body, { attributes: true, attributeFilter: [name], childList: true, subtree: true });
    }`);
    // The next window shall not open while this one still checks its weights.
    await this.run(browser);
    return [];
  }

  async run(browser) {
    const before = await browser.run("() => window.answers");
    await browser.give("[data-testid=photo-input]", join(resolve(wishes.files), "picture.png"));
    const look = `(before) => {
      const text = (hook) => document.querySelector("[data-testid=" + hook + "]")?.textContent;
      if (text("error")) throw new Error("the page says: " + text("error"));
      const faces = document.querySelector("[data-testid=faces][data-detect-milliseconds]");
      // Ages may still be computed after the faces are found; nobody else may be measured before they are.
      if (window.answers === before || !faces || faces.getAttribute("aria-busy") === "true") return null;
      return [Number(faces.dataset.detectMilliseconds), faces.dataset.device];
    }`;
    const complaint =
      "the page shows no new data-detect-milliseconds at [data-testid=faces]: does public/weights hold a detector, " +
      "and does the page drop that attribute while it looks at the next photograph?";
    const [milliseconds, device] = await until(() => browser.run(look, before), complaint);
    if (device !== this.device) throw new Error(`the page computed on ${device} instead of ${this.device}`);
    return milliseconds;
  }
}

/** onnxruntime-web on the same graph. */
class OnnxRuntime {
  constructor(provider, group, layout = "") {
    Object.assign(this, { provider, group, layout, engine: "", ours: false, milliseconds: [] });
  }

  async open(browser, { bench }) {
    const words = `provider=${this.provider}&threads=1&side=${wishes.side}&layout=${this.layout}`;
    this.handle = await browser.open(`${bench}/onnxruntime.html?${words}`);
    const said = "window.bench.then(({ run, ...said }) => said)";
    const { version, adapter, difference } = await promised(browser, said, "its first answer");
    const name = [version, this.provider, this.layout].filter(Boolean).join(" ");
    // Not `>=`: NaN must not pass.
    if (!(difference < SAME)) throw new Error(`${name} differs from our answers by ${difference}`);
    this.engine = `${name}, network only`;
    const facts = [`${name} differs from our answers by at most ${difference.toExponential(1)} of the largest`];
    if (adapter) facts.push(`WebGPU adapter: ${adapter}`);
    return facts;
  }

  async run(browser) {
    return promised(browser, "window.bench.then(({ run }) => run())", "an answer");
  }
}

/** What a promise in the page comes to. It is asked for again and again, as the page is for what it shows: no request
 * of ours may last for minutes, and both are disturbed alike. */
async function promised(browser, promise, what) {
  await browser.run(`() => {
    window.outcome = null;
    ${promise}.then((value) => (window.outcome = { value }), (error) => (window.outcome = { error: String(error) }));
  }`);
  const { value, error } = await until(() => browser.run("() => window.outcome"), `no sign of ${what}`);
  if (error) throw new Error(error);
  return value;
}

/** Asks until there is an answer other than null or false. */
async function until(ask, complaint) {
  const end = Date.now() + LIMIT;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`after ${LIMIT / 1000} s: ${complaint}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function main() {
  const here = dirname(fileURLToPath(import.meta.url));
  const scratch = await mkdtemp(join(tmpdir(), "glae-bench-"));
  const closing = [() => rm(scratch, { recursive: true, force: true })];
  const close = async () => {
    while (closing.length > 0) await closing.pop()();
  };
  // What was started here must not outlive it.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => close().finally(() => process.exit(1)));
  try {
    const folders = { "/": here, "/files/": wishes.files, "/onnxruntime/": wishes.onnxruntime };
    const { server, origin: bench } = await serve(folders);
    closing.push(() => server.close().closeAllConnections());
    const words = ["serve", "--listen", "127.0.0.1:0", "--site", wishes.site, "--public", wishes.public];
    words.push("--data", join(scratch, "portal"));
    const { child, rest } = await started(wishes.portal, words, "listening on ");
    closing.push(() => child.kill());
    const origins = { bench, page: rest.replace(/\/$/, "") };
    const flags = [...FLAGS, `--user-data-dir=${join(scratch, "profile")}`];
    const browser = await Browser.start(wishes.driver, wishes.chromium, flags);
    closing.push(() => browser.close());

    const processor = `${cpus()[0].model}, ${cpus().length} cores`;
    const rounds = `${wishes.rounds} rounds after ${WARM_UP} to warm up`;
    const facts = [processor, `Chromium ${browser.version}, headless; ${rounds}`];
    const engines = [
      new Page("cpu", "CPU, one thread"),
      new OnnxRuntime("wasm", "CPU, one thread"),
      new Page("webgpu", "WebGPU"),
      new OnnxRuntime("webgpu", "WebGPU"),
      // On some adapters faster than the layout it chooses by itself.
      new OnnxRuntime("webgpu", "WebGPU", "NCHW"),
    ];
    for (const engine of engines) {
      for (const fact of await engine.open(browser, origins)) if (!facts.includes(fact)) facts.push(fact);
    }
    for (let round = 0; round < WARM_UP + Number(wishes.rounds); round += 1) {
      const times = [];
      // Whoever comes first in one round comes later in the next.
      for (let turn = 0; turn < engines.length; turn += 1) {
        const engine = engines[(round + turn) % engines.length];
        await browser.turnTo(engine.handle);
        const milliseconds = await engine.run(browser);
        if (round >= WARM_UP) engine.milliseconds.push(milliseconds);
        times[engines.indexOf(engine)] = milliseconds.toFixed(1);
      }
      console.log(`round ${round + 1}: ${times.join(", ")} ms`);
    }
    const rows = engines.map(({ group, engine, ours, milliseconds }) => ({ group, engine, ours, milliseconds }));
    const title = `The detector at ${wishes.side} x ${wishes.side}, in one browser`;
    const measurement = { name: "detector-browser", title, facts, rows };
    await writeFile(join(wishes.files, "browser.json"), JSON.stringify(measurement, null, 2));
  } finally {
    await close();
  }
}

await main();
