// Holds back the page's WebAssembly until it is released: in Chromium by intercepting requests, and with a proxy for
// browsers whose requests the tests cannot intercept.
import type { Page } from "@playwright/test";
import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export const WASM = /\.wasm$/;

/** Holds back the page's WebAssembly until the returned function is called. */
export async function delayWasm(page: Page) {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(WASM, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/** Forwards everything to `site`; the files of WebAssembly only after `release` was called. */
export async function startHolding(site: string) {
  const { hostname: host, port } = new URL(site);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const sockets = new Set<Socket>();
  const proxy = createServer(async (asked, answer) => {
    if (asked.url!.endsWith(".wasm")) {
      await released;
    }
    const { method, url: path, headers } = asked;
    const forwarded = request({ host, port, method, path, headers }, (answered) => {
      answer.writeHead(answered.statusCode!, answered.headers);
      answered.pipe(answer);
    });
    // The browser or the site has gone away.
    forwarded.on("error", () => answer.destroy());
    answer.on("close", () => forwarded.destroy());
    asked.pipe(forwarded);
  });
  proxy.on("upgrade", (asked: IncomingMessage, socket: Socket, head: Buffer) => {
    const stream = connect(Number(port), host, () => {
      const lines = [`${asked.method} ${asked.url} HTTP/1.1`];
      for (let at = 0; at < asked.rawHeaders.length; at += 2) {
        lines.push(`${asked.rawHeaders[at]}: ${asked.rawHeaders[at + 1]}`);
      }
      stream.write(`${lines.join("\r\n")}\r\n\r\n`);
      stream.write(head);
      stream.pipe(socket).pipe(stream);
    });
    stream.on("error", () => socket.destroy());
    socket.on("error", () => stream.destroy());
  });
  proxy.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const stop = async () => {
    const closed = once(proxy, "close");
    proxy.close();
    sockets.forEach((socket) => socket.destroy());
    await closed;
  };
  return { site: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, release, stop };
}
