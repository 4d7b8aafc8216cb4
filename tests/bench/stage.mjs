// Everything a measurement in the browser needs around it: servers, browser, and that all of it ends.

import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { relay, serve } from "./server.mjs";
import { Browser, started } from "./webdriver.mjs";

/** Those of the browser tests: WebGPU without a GPU, no requests of the browser's own. The last three keep windows that
 * nobody looks at from being slowed down. */
export const FLAGS = [
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

/** What `cargo xtask` names, and numbers with these defaults. */
export function wished(numbers) {
  const named = {
    portal: text, // the server's program
    site: text, // the built page
    public: text, // its public files
    chromium: text,
    driver: text,
    onnxruntime: text, // the package's folder `dist`
    modules: text, // the folder `node_modules`
    files: text, // what `trainer bench` left; the measurement goes there too
  };
  const counts = Object.entries(numbers).map(([name, number]) => [name, { ...text, default: String(number) }]);
  const { values } = parseArgs({ options: { ...named, ...Object.fromEntries(counts) } });
  for (const name of Object.keys(numbers)) values[name] = Number(values[name]);
  return values;
}

/** Servers for both pages, and browsers. The portal's page is served where its program is named, and more folders beside the
 * bench's page where `wishes.folders` has them by their paths. */
class Stage {
  constructor(wishes, scratch) {
    Object.assign(this, { wishes, scratch, closing: [], profiles: 0 });
  }

  async open() {
    const { wishes, scratch, closing } = this;
    const here = dirname(fileURLToPath(import.meta.url));
    const folders = { "/": here, "/files/": wishes.files, ...wishes.folders };
    if (wishes.onnxruntime) folders["/onnxruntime/"] = wishes.onnxruntime;
    this.servers = { bench: await serve(folders, "/onnxruntime/") };
    if (wishes.portal) {
      const words = ["serve", "--listen", "127.0.0.1:0", "--site", wishes.site, "--public", wishes.public];
      words.push("--data", join(scratch, "portal"));
      const { child, rest } = await started(wishes.portal, words, "listening on ");
      closing.push(() => child.kill());
      this.servers.page = await relay(rest);
    }
    const servers = Object.entries(this.servers);
    for (const [, { server }] of servers) closing.push(() => server.close().closeAllConnections());
    this.origins = Object.fromEntries(servers.map(([name, { origin }]) => [name, origin]));
  }

  /** Lets `work` use a browser with an empty profile. */
  async browse(work) {
    this.profiles += 1;
    const profile = join(this.scratch, `profile-${this.profiles}`);
    const flags = [...FLAGS, `--user-data-dir=${profile}`];
    const browser = await Browser.start(this.wishes.driver, this.wishes.chromium, flags);
    const close = () => browser.close();
    this.closing.push(close);
    try {
      this.version = browser.version;
      return await work(browser);
    } finally {
      this.closing = this.closing.filter((other) => other !== close);
      await close();
    }
  }

  /** Whose numbers these are. */
  facts() {
    return [`${cpus()[0].model}, ${cpus().length} cores`, `Chromium ${this.version}, headless`];
  }

  async close() {
    while (this.closing.length > 0) await this.closing.pop()();
  }
}

/** Lets `work` use a stage, and ends everything that was started on it. */
export async function onStage(wishes, work) {
  const scratch = await mkdtemp(join(tmpdir(), "glae-bench-"));
  const stage = new Stage(wishes, scratch);
  stage.closing.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stage.close().finally(() => process.exit(1)));
  try {
    await stage.open();
    return await work(stage);
  } finally {
    await stage.close();
  }
}
