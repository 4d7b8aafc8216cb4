// Keeps the page, so that it opens without a network after the first visit. Weights are kept by the program that uses them.

// The build fills these in: all files of the page, and a name that changes with any of them.
const FILES = [];
const PAGE = "page-development";

// Lists and manifests from beside the page, as they were when last seen.
const BESIDE = "beside";

// Held open: in a private window WebKit (WebKitGTK 2.50) empties a cache with the last page that had it open, and takes nothing
// into it from then on. A page that puts something into a cache and is reloaded shows it; the weights would be gone.
const HELD = ["glae-weights", BESIDE].map((name) => caches.open(name).catch(() => {}));

importScripts("/inference_loader.js");

// Whether a program that computes ages can run here: nobody downloads the others.
const PROGRAMS = { inference: "gpu" in navigator, processor: !self.relaxed, processor_relaxed: self.relaxed };
const runs = (file) => PROGRAMS[/^\/(\w+?)(_bg\.wasm|\.js)$/.exec(file)?.[1]] ?? true;

// How long it waits before it fetches the whole page anew, in milliseconds: whoever has just come has a first answer to wait for.
const PATIENCE = 4000;

self.addEventListener("install", (event) => {
  const calm = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const kept = calm.then(() => caches.open(PAGE)).then((cache) => cache.addAll(["/", ...FILES.filter(runs)]));
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const outdated = (name) => name.startsWith("page-") && name !== PAGE;
  const forgotten = caches.keys().then((names) => Promise.all(names.filter(outdated).map((name) => caches.delete(name))));
  event.waitUntil(forgotten.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  // The board lives on the server; the weights have a cache of their own.
  const live = pathname.startsWith("/api/") || pathname.endsWith(".safetensors");
  if (request.method !== "GET" || origin !== location.origin || live) return;
  // A file whose name carries its content's hash never changes.
  const hashed = /-[0-9a-f]{8,}[._]/.test(pathname);
  event.respondWith(hashed ? kept(request).then((found) => found ?? fetch(request)) : fresh(event));
});

function kept(request) {
  return caches.match(request.mode === "navigate" ? "/" : request, { ignoreVary: true });
}

/** From the network while there is one. */
async function fresh(event) {
  const { request } = event;
  try {
    const answer = await fetch(request);
    const beside = request.mode !== "navigate" && !FILES.includes(new URL(request.url).pathname);
    if (beside && answer.ok) {
      const copy = answer.clone();
      event.waitUntil(caches.open(BESIDE).then((cache) => cache.put(request, copy)));
    }
    return answer;
  } catch (error) {
    const found = await kept(request);
    if (found) return found;
    throw error;
  }
}
