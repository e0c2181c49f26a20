// The page's files and the start page, beside nginx, which serves the same bytes.
import { type Server } from "../server.ts";
import { type Comparison, CONNECTIONS, kilobytes } from "./comparison.ts";
import { expect, type Request, repeat } from "./load.ts";
import { type File, hasBrotli, startFileServer } from "./nginx.ts";
import type { Peer } from "./processes.ts";
import { WORKERS } from "./scale.ts";

/** Headers that every server makes for itself. */
const OWN_HEADERS = [
  ...["accept-ranges", "connection", "content-encoding", "content-length", "content-type", "date", "etag"],
  ...["keep-alive", "last-modified", "transfer-encoding", "vary"],
];

/** Downloads a file from the program as nginx is to serve it. */
async function download(site: string, address: string, served = new URL(address, site).pathname): Promise<File> {
  const url = new URL(address, site).href;
  const plain = await expect({ url }, 200);
  const compressed: File["compressed"] = {};
  for (const [coding, ending] of [["br", ".br"], ["gzip", ".gz"]]) {
    const answer = await expect({ url, headers: { "accept-encoding": coding } }, 200);
    if (answer.headers["content-encoding"] === coding) {
      compressed[ending] = answer.body;
    }
  }
  const headers = Object.entries(plain.headers).filter(([name]) => !OWN_HEADERS.includes(name));
  return { path: served, body: plain.body, compressed, type: plain.headers["content-type"], headers };
}

/** The addresses of the start page's files, by the endings of their names. */
function linked(page: string, ...endings: string[]): string[] {
  const addresses = [...page.matchAll(/<link [^>]*href="([^"]+)"/g)].map(([, address]) => address);
  return endings.map((ending) => {
    const found = addresses.find((address) => address.split("?")[0].endsWith(ending));
    if (!found) {
      throw new Error(`The start page links no file that ends in ${ending}`);
    }
    return found;
  });
}

/** A request that a server answers with 304, because the client has the file. */
async function revalidation(request: Request): Promise<Request> {
  const { etag, "last-modified": modified } = (await expect(request, 200)).headers;
  const known: Record<string, string> = etag ? { "if-none-match": etag } : { "if-modified-since": modified };
  const again = { ...request, headers: { ...request.headers, ...known } };
  await expect(again, 304);
  return again;
}

/** Files and the start page beside nginx, which serves the same bytes with the same headers. */
export async function files(server: Server, folder: string): Promise<{ nginx: Peer; comparisons: Comparison[] }> {
  const site = `${server.site}/`;
  const page = await download(site, "", "/start");
  const [wasm, style, icon] = linked(page.body.toString(), ".wasm", ".css", ".svg");
  const served = await Promise.all([wasm, style, icon].map(async (address) => download(site, address)));
  const nginx = await startFileServer(WORKERS, folder, [...served, { ...page, compressed: {} }]);
  const other = `http://127.0.0.1:${nginx.port}`;
  const accepted: Record<string, string> = { "accept-encoding": hasBrotli ? "br" : "gzip" };
  const calls: [string, Request, Request][] = [];
  const file = async (name: string, address: string, method: string) => {
    const own = { url: new URL(address, site).href, method, headers: accepted };
    const peer = { ...own, url: other + new URL(address, site).pathname };
    const [bytes, same] = [await expect({ ...own, method: "GET" }, 200), await expect({ ...peer, method: "GET" }, 200)];
    if (!bytes.body.equals(same.body)) {
      throw new Error(`nginx serves other bytes for ${address}`);
    }
    calls.push([`${method} ${name}, ${kilobytes(bytes.body.length)}`, own, peer]);
    return [own, peer];
  };
  const [own, peer] = await file("WebAssembly", wasm, "GET");
  await file("WebAssembly", wasm, "HEAD");
  calls.push(["GET WebAssembly, 304", await revalidation(own), await revalidation(peer)]);
  await file("style", style, "GET");
  await file("icon", icon, "GET");
  const start: Request = { url: site, headers: { accept: "text/html" } };
  calls.push([`start page, ${kilobytes(page.body.length)}`, start, { ...start, url: `${other}${page.path}` }]);
  const comparisons = calls.flatMap(([call, own, peer]) =>
    CONNECTIONS.map((connections) => ({
      call,
      connections,
      programs: [repeat("any", server.pid, connections, own)],
      peers: [repeat("nginx", nginx.pid, connections, peer)],
    })),
  );
  return { nginx, comparisons };
}
