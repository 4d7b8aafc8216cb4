// How much memory a program and all it has started take, on systems that tell (Linux).

import { readFile, readdir } from "node:fs/promises";

/** How often it is looked at, in milliseconds. */
const LOOK = 200;

/** Bytes that the programs started by `parent`, and those started by them, take now; what several share is counted once.
 * `null` where the system does not tell. */
export async function held(parent) {
  const children = new Map();
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    // "PID (name) state parent ...": a name may hold anything.
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const above = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    children.set(above, [...(children.get(above) ?? []), Number(name)]);
  }
  let [total, waiting] = [0, children.get(parent) ?? []];
  while (waiting.length > 0) {
    const process = waiting.pop();
    waiting.push(...(children.get(process) ?? []));
    // The share of each page of memory that falls to this process. It may have ended meanwhile.
    const rollup = await readFile(`/proc/${process}/smaps_rollup`, "utf8").catch(() => "");
    total += 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
  }
  return total || null;
}

/** What is held as soon as that no longer changes by a hundredth: starting takes more than resting. */
async function heldAtRest(parent) {
  for (let last = await held(parent); ; ) {
    await pause();
    const now = await held(parent);
    if (now === null || Math.abs(now - last) < 0.01 * last) return now;
    last = now;
  }
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, LOOK));
}

/** The most that was held while `work` went on, beyond what was held before. */
export async function mostHeld(parent, work) {
  const before = await heldAtRest(parent);
  let [most, over] = [before, false];
  const watch = async () => {
    while (!over) {
      most = Math.max(most, await held(parent));
      await pause();
    }
  };
  const watching = before === null ? null : watch();
  try {
    const result = await work();
    return { result, memory: before === null ? null : Math.max(most, await held(parent)) - before };
  } finally {
    over = true;
    await watching;
  }
}
