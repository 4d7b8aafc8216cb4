// `cargo xtask bench accuracy`, the part of the others: packages of npm that estimate ages, in a headless Chromium, on the
// photographs that `trainer bench accuracy estimate` has listed. Leaves `NAME.csv` for each package and set of photographs:
// `id,age`, without an age where the package finds no face. `packages.json` says which packages they were and how they were
// asked.

import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { onStage, wished } from "./stage.mjs";
import { promised } from "./waiting.mjs";

/** Photographs that the page is asked for at once. */
const AT_ONCE = 10;

const PACKAGES = ["face-api", "human"];

const wishes = wished({});

/** The listed sets of photographs: name, folder of the images, and their file names. */
const sets = JSON.parse(await readFile(join(wishes.files, "photographs.json"), "utf8"));
wishes.folders = Object.fromEntries(sets.map(({ name, images }) => [`/photographs/${name}/`, images]));
wishes.folders["/modules/"] = wishes.modules;

/** Answers of a package that the same script has left before, by file. They are kept as they come: a run takes an hour on
 * two cores, and neither photographs nor packages change when our weights do. */
async function answered(path, asked) {
  const text = await readFile(path, "utf8").catch(() => "null");
  const before = JSON.parse(text);
  return before?.asked === asked ? before.ages : {};
}

/** Written beside and renamed: never half a file. */
async function write(path, text) {
  await writeFile(`${path}.unfinished`, text);
  await rename(`${path}.unfinished`, path);
}

/** The ages by one package, set by set. */
async function ask(browser, origin, name) {
  await browser.open(`${origin}/peers.html?${new URLSearchParams({ package: name })}`);
  const said = "window.bench.then(({ ages, ...said }) => said)";
  const { version, how } = await promised(browser, said, `${name} in the page`);
  const asked = `${version}, Chromium ${browser.version}: ${how}`;
  for (const set of sets) {
    const [kept, csv] = ["json", "csv"].map((ending) => join(wishes.files, set.name, `${name}.${ending}`));
    const ages = await answered(kept, asked);
    const open = set.files.filter((file) => !(file in ages));
    console.log(`${version}, ${set.name}: ${set.files.length - open.length} of ${set.files.length} are already there`);
    while (open.length > 0) {
      const files = open.splice(0, AT_ONCE);
      const addresses = files.map((file) => `/photographs/${set.name}/${encodeURIComponent(file)}`);
      const found = await promised(browser, `window.bench.then(({ ages }) => ages(${JSON.stringify(addresses)}))`, "ages");
      files.forEach((file, index) => (ages[file] = found[index]));
      await write(kept, JSON.stringify({ asked, ages }));
      if (open.length % (20 * AT_ONCE) < AT_ONCE) console.log(`${version}, ${set.name}: ${open.length} to go`);
    }
    const rows = set.files.map((file) => `${file},${ages[file]?.toFixed(4) ?? ""}`);
    await write(csv, `${["id,age", ...rows].join("\n")}\n`);
  }
  return { name, version, how };
}

await onStage(wishes, async (stage) => {
  const asked = PACKAGES.map((name) => stage.browse((browser) => ask(browser, stage.origins.bench, name)));
  const packages = await Promise.all(asked);
  await write(join(wishes.files, "packages.json"), JSON.stringify({ packages, facts: stage.facts() }, null, 2));
});
