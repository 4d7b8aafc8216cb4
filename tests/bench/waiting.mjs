// Waiting for pages. They are asked again and again: no request of ours may last for minutes.

/** Enough for a cold start on a busy machine whose WebGPU is computed by the processor. */
const LIMIT = 600_000;

/** Asks until there is an answer other than null or false. */
export async function until(ask, complaint) {
  const end = Date.now() + LIMIT;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`after ${LIMIT / 1000} s: ${complaint}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a promise in the page comes to. */
export async function promised(browser, promise, what) {
  await browser.run(`() => {
    window.outcome = null;
    ${promise}.then((value) => (window.outcome = { value }), (error) => (window.outcome = { error: String(error) }));
  }`);
  const { value, error } = await until(() => browser.run("() => window.outcome"), `no sign of ${what}`);
  if (error) throw new Error(error);
  return value;
}
