// As much of a WebDriver client (w3.org/TR/webdriver2) as the bench needs: plain JSON over HTTP.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** The key under which an element's reference travels. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** Starts a program; returns it with what follows `marker` in the first line of its output that has it. */
export async function started(program, words, marker) {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
  const failed = new Promise((_, reject) => {
    child.once("error", (error) => reject(new Error(`cannot start ${program}: ${error.message}`)));
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code} before it was ready`)));
  });
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise((resolve) => {
    lines.on("line", (line) => {
      const at = line.indexOf(marker);
      if (at >= 0) resolve(line.slice(at + marker.length).trim());
    });
  });
  const rest = await Promise.race([ready, failed]);
  failed.catch(() => {}); // From now on its end is no news.
  return { child, rest };
}

export class Browser {
  /** Starts ChromeDriver, and Chromium with these flags. */
  static async start(driver, chromium, flags) {
    const { child, rest } = await started(driver, ["--port=0"], "started successfully on port ");
    const browser = new Browser();
    browser.child = child;
    browser.base = `http://127.0.0.1:${rest.replace(".", "")}`;
    try {
      const options = { binary: chromium, args: flags };
      const wanted = {
        browserName: "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { browser: "ALL" },
        timeouts: { pageLoad: 240_000, script: 240_000 },
      };
      const session = await browser.#call("POST", "/session", { capabilities: { alwaysMatch: wanted } });
      browser.base += `/session/${session.sessionId}`;
      browser.version = session.capabilities.browserVersion;
    } catch (error) {
      child.kill();
      throw error;
    }
    return browser;
  }

  /** A new window at this address; returns its handle, and is the current one from now on. */
  async open(address) {
    const { handle } = await this.#call("POST", "/window/new", { type: "window" });
    await this.turnTo(handle);
    await this.go(address);
    return handle;
  }

  async turnTo(handle) {
    await this.#call("POST", "/window", { handle });
  }

  /** Closes this window. Nothing can be asked before another one is turned to. */
  async shut(handle) {
    await this.turnTo(handle);
    await this.#call("DELETE", "/window");
  }

  /** The current window. */
  async window() {
    return this.#call("GET", "/window");
  }

  /** Goes somewhere in the current window. */
  async go(address) {
    await this.#call("POST", "/url", { url: address });
  }

  /** A command of Chromium's own protocol. */
  async command(cmd, params) {
    return this.#call("POST", "/goog/cdp/execute", { cmd, params });
  }

  /** What the consoles have said since the last time. */
  async console() {
    return this.#call("POST", "/se/log", { type: "browser" });
  }

  /** What a function returns, given as text, with these arguments. */
  async run(script, ...words) {
    return this.#call("POST", "/execute/sync", { script: `return (${script}).apply(null, arguments)`, args: words });
  }

  /** Gives a file to a file input. */
  async give(css, file) {
    const element = await this.#call("POST", "/element", { using: "css selector", value: css });
    await this.#call("POST", `/element/${element[ELEMENT]}/value`, { text: file });
  }

  async close() {
    await this.#call("DELETE", "", undefined).finally(() => this.child.kill());
  }

  async #call(method, path, body) {
    const answer = await fetch(this.base + path, {
      method,
      headers: { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }
}
