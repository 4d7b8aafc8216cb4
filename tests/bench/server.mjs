// What the pages of the bench are served by: a few folders, or another server. Both count what they send.

import { createReadStream } from "node:fs";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { createServer, request as ask } from "node:http";
import { extname, join, normalize } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { brotliCompress } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".jpg": "image/jpeg",
  ".png": "image/png",
};

/** What shrinks. */
const SHRINKING = new Set([".js", ".mjs", ".wasm"]);

/** Serves `{ "/": folder, "/files/": folder, ... }` on a free port of this machine. What lies under `published` and shrinks
 * travels as Brotli, pressed as hard as it goes, once: the copy stays beside the file. Returns server, origin and `sent`:
 * path and bytes of each body as it travelled, in the order in which they were asked for. */
export async function serve(folders, published) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  return listening(async (path, request, response, counted) => {
    const prefix = prefixes.find((prefix) => path.startsWith(prefix));
    let file = join(folders[prefix], path.slice(prefix.length));
    // Isolated from other windows, which browsers ask for before they give shared memory and a precise clock.
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    if (!(await stat(file).catch(() => null))?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    if (prefix === published && SHRINKING.has(extname(file)) && /\bbr\b/.test(request.headers["accept-encoding"] ?? "")) {
      file = await shrunk(file);
      response.setHeader("Content-Encoding", "br");
    }
    response.writeHead(200, { "Content-Length": (await stat(file)).size });
    await pipeline(createReadStream(file), counted, response);
  });
}

/** Passes everything on to another server of this machine; returns the same as `serve`. */
export async function relay(origin) {
  return listening(async (path, request, response, counted) => {
    const { method, headers, url } = request;
    const answer = await new Promise((resolve, reject) => {
      request.pipe(ask(new URL(url, origin), { method, headers }, resolve).once("error", reject));
    });
    response.writeHead(answer.statusCode, answer.headers);
    await pipeline(answer, counted, response);
  });
}

async function listening(answer) {
  const sent = [];
  const server = createServer(async (request, response) => {
    // `normalize` leaves nothing that climbs out of a folder: the path begins with a slash.
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const body = { path, bytes: 0 };
    sent.push(body);
    const counted = new Transform({
      transform(chunk, _, done) {
        body.bytes += chunk.length;
        done(null, chunk);
      },
    });
    // A browser that goes away breaks off what it was sent; nobody waits for the rest.
    await answer(path, request, response, counted).catch(() => response.destroy());
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}`, sent };
}

async function shrunk(file) {
  const packed = `${file}.br`;
  if (!(await stat(packed).catch(() => null))) {
    // Renamed into place, so that nobody reads half of it. Brotli's own setting is the hardest.
    await writeFile(`${packed}.unfinished`, await promisify(brotliCompress)(await readFile(file)));
    await rename(`${packed}.unfinished`, packed);
  }
  return packed;
}
