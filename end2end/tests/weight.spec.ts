// What must arrive before a page works: bytes as the server sends them over HTTPS, and requests.
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";

const KB = 1_000;

/** The page's files that are requested until it is alive. */
async function files(page: Page, address: string): Promise<string[]> {
  const asked = new Set<string>();
  const note = (request: { url(): string }) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/pkg/")) asked.add(pathname);
  };
  page.on("request", note);
  // The page may redirect as soon as it is alive, so the state is read while it changes.
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (document.documentElement.dataset.hydration === "done") console.debug("alive");
    }).observe(document, { subtree: true, attributeFilter: ["data-hydration"] });
  });
  const alive = page.waitForEvent("console", (message) => message.text() === "alive");
  await page.goto(address);
  await alive;
  page.off("request", note);
  return [...asked];
}

/** The size of these files, as they are sent to a browser that accepts Brotli. */
async function weight(request: APIRequestContext, files: string[]): Promise<number> {
  const sizes = files.map(async (file) => {
    const answer = await request.head(file, { headers: { "accept-encoding": "br" } });
    expect(answer.headers()["content-encoding"]).toBe("br");
    return Number(answer.headers()["content-length"]);
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const budgets: [name: string, address: string, kilobytes: number][] = [
  ["start page", "/", 240],
  ["page of a magic link", "/join/2eaf4767-9975-4773-b7c7-817e60ce2bfb", 240],
  ["page of a chat", "/chat/2eaf4767-9975-4773-b7c7-817e60ce2bfb", 347],
];

for (const [name, address, kilobytes] of budgets) {
  test(`the code of the ${name} is at most ${kilobytes} KB`, async ({ people, request }) => {
    const asked = await files(await people.newcomer(), address);
    const code = asked.filter((file) => /\.(js|wasm)$/.test(file));
    const kb = Math.ceil((await weight(request, code)) / KB);
    expect(kb, `the ${name} loads ${kb} KB of code, and its budget is ${kilobytes} KB: ${code.join(" ")}`)
      .toBeLessThanOrEqual(kilobytes);
    const style = Math.ceil((await weight(request, asked.filter((file) => file.endsWith(".css")))) / KB);
    expect(style, `the style is ${style} KB, and its budget is 4 KB`).toBeLessThanOrEqual(4);
  });
}

test("the messages of a chat arrive with at most 8 requests", async ({ people }) => {
  const ann = await people.owner();
  let asked: string[] = [];
  people.onAsking((address) => {
    // What the page asks for before it is left does not count.
    if (address === ann.page.url()) asked = [];
    asked.push(address);
  });
  await ann.page.reload();
  await new ChatPage(ann.page).isReady();
  const messages = asked.findIndex((address) => address.includes("?after="));
  expect(messages).toBeGreaterThan(0);
  expect(messages + 1, asked.join("\n")).toBeLessThanOrEqual(8);
});
