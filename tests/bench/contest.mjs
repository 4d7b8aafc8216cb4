// Engines that take turns at the same work, each in a window of its own.

/** Opens all engines, lets each work `warmUp` times or more, until `seconds` have passed, and then `rounds` times, and closes
 * them. Returns what the reader must know of them; the milliseconds are theirs. */
export async function takeTurns(browser, engines, origins, { warmUp, seconds = 0, rounds }) {
  const home = await browser.window();
  const facts = new Set();
  for (const engine of engines) {
    for (const fact of await engine.open(browser, origins)) facts.add(fact);
  }
  const begin = performance.now();
  let cold = 0;
  for (let round = 0; round < cold + rounds; round += 1) {
    if (round === cold && (round < warmUp || performance.now() - begin < seconds * 1000)) cold += 1;
    const times = [];
    // Whoever comes first in one round comes later in the next.
    for (let turn = 0; turn < engines.length; turn += 1) {
      const engine = engines[(round + turn) % engines.length];
      await browser.turnTo(engine.handle);
      const milliseconds = await engine.run(browser);
      if (round >= cold) engine.milliseconds.push(milliseconds);
      times[engines.indexOf(engine)] = milliseconds.toFixed(1);
    }
    console.log(`${round < cold ? "warming up" : `round ${round - cold + 1}`}: ${times.join(", ")} ms`);
  }
  for (const engine of engines) await browser.shut(engine.handle);
  await browser.turnTo(home);
  return [...facts];
}

/** An engine's row of the table. */
export function row({ group, engine, ours, milliseconds }) {
  return { group, engine, ours, milliseconds };
}
