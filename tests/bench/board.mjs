// `cargo xtask bench board`: the page of a board with 200, 2,000 and 20,000 rows in Chromium: how long until its table is
// there, and how long a sort and the next part of the ranking take. Writes a row of the table for each to standard output.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { FLAGS, wished } from "./stage.mjs";
import { until } from "./waiting.mjs";
import { Browser, started } from "./webdriver.mjs";

const SIZES = [200, 2_000, 20_000];

const wishes = wished({ times: 9 });

/** Notes in the page when the first row of the table has been painted, in milliseconds since the page was asked for. */
const WATCH = `new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-testid=leaderboard-table] tr[data-row]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => (window.there = performance.now())));
}).observe(document, { childList: true, subtree: true });`;

/** Presses what a selector names and waits until the first row is another one and painted. */
const PRESS = `(selector) => {
  const first = () => document.querySelector("[data-testid=leaderboard-table] tr[data-row]")?.dataset.row;
  const before = first();
  const begun = performance.now();
  window.took = null;
  const look = () => {
    if (first() === before || !first()) return requestAnimationFrame(look);
    setTimeout(() => (window.took = performance.now() - begun));
  };
  document.querySelector(selector).click();
  requestAnimationFrame(look);
}`;

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

async function pressed(browser, selector) {
  await browser.run(PRESS, selector);
  return until(() => browser.run("() => window.took"), `${selector} shows no other rows`);
}

async function measure(browser, origin) {
  const times = { table: [], sort: [], next: [] };
  for (let time = 0; time < wishes.times; time += 1) {
    await browser.go(`${origin}/leaderboard/busy`);
    times.table.push(await until(() => browser.run("() => window.there ?? null"), "the table does not come"));
    // By the method's name, and by the number again.
    times.sort.push(await pressed(browser, ".ranking thead th.method .sort"));
    times.sort.push(await pressed(browser, ".ranking thead th:nth-child(3) .sort"));
    times.next.push(await pressed(browser, "[data-testid=part-next]"));
  }
  // A visitor's first visit translates the program; the later ones have it.
  return { first: times.table[0], ...Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)])) };
}

console.log("| page in Chromium | rows | first visit until the table | a later visit | a sort | the next 100 |");
console.log("|---|---|---|---|---|---|");
for (const size of SIZES) {
  const words = ["serve", "--listen", "127.0.0.1:0", "--site", wishes.site, "--public", wishes.public];
  words.push("--data", join(wishes.files, String(size)), "--address-per-minute", "1000000");
  const { child, rest } = await started(wishes.portal, words, "listening on ");
  const profile = await mkdtemp(join(tmpdir(), "glae-bench-"));
  const browser = await Browser.start(wishes.driver, wishes.chromium, [...FLAGS, `--user-data-dir=${profile}`]);
  try {
    await browser.command("Page.addScriptToEvaluateOnNewDocument", { source: WATCH });
    const { first, table, sort, next } = await measure(browser, rest.replace(/\/$/, ""));
    const told = [first, table, sort, next].map((time) => `${time.toFixed(0)} ms`).join(" | ");
    console.log(`| SQLite | ${size} | ${told} |`);
  } finally {
    await browser.close();
    child.kill();
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
