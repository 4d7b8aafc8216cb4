// Who is measured.

import { promised, until } from "./waiting.mjs";

/** The largest difference from our answers, in shares of the largest of them. */
const SAME = 1e-3;

/** The page, measured by what it says itself: `attribute` holds the milliseconds of an answer, `begin` brings the page to
 * its first one, `ask` makes it look for the next. */
export class Page {
  constructor({ device, weights, group, engine, attribute, threads = 1 }) {
    Object.assign(this, { device, weights, group, engine, attribute, threads, ours: true, milliseconds: [] });
  }

  async open(browser, { page }) {
    this.handle = await browser.open(`${page}/?device=${this.device}&weights=${this.weights}&threads=${this.threads}`);
    const input = "() => document.querySelector('[data-testid=photo-input]') !== null";
    await until(() => browser.run(input), "the page shows no [data-testid=photo-input]");
    // Counts answers, because two may be equal to the last digit. An answer shows when the attribute is written, when an
    // element that has it comes into the page, or when the page is no longer busy with the next.
    await browser.run(`(name) => {
      window.answers = 0;
      const holds = (node) => node.nodeType === 1 && (node.hasAttribute(name) || node.querySelector("[" + name + "]"));
      new MutationObserver((changes) => {
        const fresh = (change) => change.attributeName === "aria-busy"
          ? change.target.getAttribute("aria-busy") === "false"
          : change.type === "attributes" ? change.target.hasAttribute(name) : [...change.addedNodes].some(holds);
        if (changes.some(fresh)) window.answers += 1;
      }).observe(document.body, { attributeFilter: [name, "aria-busy"], childList: true, subtree: true });
    }`, this.attribute);
    // The next window shall not open while this one still checks its weights.
    await this.begin(browser);
    return [];
  }

  async run(browser) {
    const { milliseconds } = await this.answer(browser, () => this.ask(browser));
    return milliseconds;
  }

  /** The first answer after `ask`: its milliseconds, and what else its element says. */
  async answer(browser, ask) {
    const before = await browser.run("() => window.answers");
    await ask();
    const look = `(before, name) => {
      const text = (hook) => document.querySelector("[data-testid=" + hook + "]")?.textContent;
      if (text("error")) throw new Error("the page says: " + text("error"));
      const answer = document.querySelector("[" + name + "]");
      // Ages may still be computed after the faces are found; nobody else may be measured before they are.
      const busy = document.querySelector("[data-testid=faces]")?.getAttribute("aria-busy") === "true";
      if (window.answers === before || !answer || busy) return null;
      return { ...answer.dataset, milliseconds: Number(answer.getAttribute(name)) };
    }`;
    const complaint =
      `the page shows no new ${this.attribute}: does its folder of weights hold a detector, and does the page drop that ` +
      "attribute while it looks anew?";
    const answer = await until(() => browser.run(look, before, this.attribute), complaint);
    if (answer.device !== this.device) {
      throw new Error(`the page computed on ${answer.device} instead of ${this.device}`);
    }
    return answer;
  }
}

/** The page's worker without the page: it is asked as the page asks it (web/src/inference/protocol.rs) from an empty window, so
 * that nothing is drawn while it computes, as nothing is beside onnxruntime-web. Measured is the first look at the photograph
 * under that address, by what the worker says itself. */
export class Worker {
  constructor({ device, weights, photo, group, engine }) {
    Object.assign(this, { device, weights, photo, group, engine, ours: true, milliseconds: [] });
  }

  async open(browser, { page, bench }) {
    // Any file of the page's server: the worker has to come from where the window does.
    this.handle = await browser.open(`${page}/icon.svg`);
    const because = "it is measured";
    const device = this.device === "cpu" ? { Cpu: { because } } : "WebGpu";
    const start = { Start: { device, weights: { Named: this.weights }, alone: true, measured: null } };
    const photo = await fetch(new URL(this.photo, bench));
    if (!photo.ok) throw new Error(`${this.photo}: ${photo.status}`);
    const bytes = Buffer.from(await photo.arrayBuffer()).toString("base64");
    await browser.run(
      `(start, text) => {
        const worker = new Worker("/inference_loader.js", { name: "${this.device === "cpu" ? "processor" : "inference"}" });
        const waiting = new Map();
        const failures = ["Broken", "CannotStart", "Refused"];
        worker.onmessage = ({ data: [reply] }) => {
          const [kind] = typeof reply === "string" ? [reply] : Object.keys(reply);
          const failed = failures.includes(kind) && new Error(JSON.stringify(reply));
          for (const [wanted, { kept, broken }] of waiting) {
            if (failed) broken(failed);
            else if (wanted === kind) kept(reply[kind]);
            else continue;
            waiting.delete(wanted);
          }
        };
        worker.onerror = ({ message }) => waiting.forEach(({ broken }) => broken(new Error(message)));
        const said = (kind) => new Promise((kept, broken) => waiting.set(kind, { kept, broken }));
        const tell = (message, kind, ...bytes) => {
          const answer = said(kind);
          worker.postMessage([message, ...bytes], bytes);
          return answer;
        };
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
        let request = 1;
        window.look = async () => {
          request += 1;
          const { look } = await tell({ Compute: { request, work: { Look: { photo: 1 } } } }, "Seen");
          return look.times.first_look;
        };
        window.ready = said("Listening")
          .then(() => tell(start, "Ready"))
          .then(() => tell({ Open: { request: 1 } }, "Opened", bytes))
          .then(() => window.look());
      }`,
      start,
      bytes,
    );
    await promised(browser, "window.ready", "the worker's first look");
    return [];
  }

  async run(browser) {
    return promised(browser, "window.look()", "a look");
  }
}

/** onnxruntime-web. `works` are graphs (`of` what, where several are measured) with input and answers, for
 * `onnxruntime.mjs`; the last of them is measured. */
export class OnnxRuntime {
  constructor({ provider, threads = 1, layout = "", group, what, works, of = "" }) {
    Object.assign(this, { provider, threads, layout, group, what, works, of, ours: false, milliseconds: [] });
  }

  address(bench) {
    const { provider, threads, layout, works } = this;
    return `${bench}/onnxruntime.html?${new URLSearchParams({ provider, threads, layout, works: JSON.stringify(works) })}`;
  }

  async open(browser, { bench }) {
    this.handle = await browser.open(this.address(bench));
    return (await this.first(browser)).facts;
  }

  /** Waits for the first answers and compares them with ours; the milliseconds are counted from the navigation. */
  async first(browser) {
    const said = "window.bench.then(({ run, ...said }) => said)";
    const { version, adapter, difference, milliseconds } = await promised(browser, said, "its first answer");
    const name = [version, this.provider, this.layout].filter(Boolean).join(" ");
    this.engine = `${name}, ${this.what}`;
    // Not `>=`: NaN must not pass.
    if (!(difference < SAME)) throw new Error(`${name} differs from our answers by ${difference}`);
    const network = this.of && ` (${this.of})`;
    const facts = [
      `${name} differs from our answers by at most ${difference.toExponential(1)} of the largest${network}`,
    ];
    if (adapter) facts.push(`WebGPU adapter: ${adapter}`);
    return { facts, milliseconds };
  }

  async run(browser) {
    return promised(browser, "window.bench.then(({ run }) => run())", "an answer");
  }
}
