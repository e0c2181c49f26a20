// Forms that are sent before their page is hydrated.
import type { Page, Request } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { delayWasm, WASM } from "../holding.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";
import { SessionPage } from "../pages/session.ts";

/** Opens an address whose page is not hydrated yet. */
async function openEarly(page: Page, address: string) {
  await page.goto(address, { waitUntil: "commit" });
  await expect(page.locator("html")).toHaveAttribute("data-hydration", "loading");
}

/** Starts a chat with a form that is sent before hydration, and talks in it. */
async function startEarly(page: Page) {
  const show = await delayWasm(page);
  await openEarly(page, "/");
  const home = new HomePage(page);
  await home.username.fill("Ann");
  await home.start.click();
  show();
  const chat = new ChatPage(page);
  await chat.isReady();
  await chat.say("hello");
}

test("a chat is started and joined before either page is hydrated, and no address contains the key", async ({ people }) => {
  const asked: string[] = [];
  people.onAsking((address) => asked.push(address));
  const first = await people.newcomer();
  const showAnn = await delayWasm(first);
  await openEarly(first, "/");
  const home = new HomePage(first);
  await home.username.fill("Ann");
  await home.chatName.fill("Movie night");
  await home.start.click();
  await first.waitForURL(/\/chat\//);
  showAnn();
  const ann = new ChatPage(first);
  await ann.isReady();
  const link = await ann.magicLink();
  const second = await people.newcomer();
  const showBob = await delayWasm(second);
  await openEarly(second, link);
  const join = new JoinPage(second);
  await join.username.fill("Bob");
  await join.join.click();
  await second.waitForURL(/\/chat\//);
  showBob();
  const bob = new ChatPage(second);
  await bob.isReady();
  await bob.say("hello");
  await ann.hasTexts(["hello"]);
  const key = new URL(link).hash.slice(1);
  expect(asked.filter((address) => address.split("#")[0].includes(key))).toEqual([]);
  // The browser's back button leads to the start page, and not to the answer to its form.
  await first.goBack();
  await home.isReady();
  await expect(home.yourChats).toContainText("Movie night");
});

test("a guest knocks before the page is hydrated, waits there, and is let in", async ({ people }) => {
  const ann = await people.gatekeeper("Ann");
  const page = await people.newcomer();
  const show = await delayWasm(page);
  await openEarly(page, await ann.magicLink());
  const join = new JoinPage(page);
  await join.username.fill("Bob");
  await join.join.click();
  await expect(ann.knocks).toContainText("Bob wants to join");
  show();
  await expect(join.waiting).toBeVisible();
  await ann.approve("Bob");
  await (await join.isIn()).say("thank you");
  await ann.hasTexts(["thank you"]);
});

test("the form shows the fields of every kind of chat before the page is hydrated", async ({ people }) => {
  const page = await people.newcomer();
  const show = await delayWasm(page);
  await openEarly(page, "/");
  const home = new HomePage(page);
  await expect(home.password).toBeHidden();
  await home.choose("Open chat");
  await expect(home.username).toBeHidden();
  await home.choose("Members with a password");
  await expect(home.username).toBeVisible();
  await home.username.fill("Ann");
  await home.password.fill("correct horse");
  await home.start.click();
  await page.waitForURL(/\/chat\//);
  show();
  await new ChatPage(page).isReady();
  const showAgain = await delayWasm(page);
  await openEarly(page, "/");
  await home.choose("Open chat");
  await home.chatName.fill("Lobby");
  await home.start.click();
  await page.waitForURL(/\/sessions\/new/);
  showAgain();
  await new SessionPage(page).isReady();
});

test("a refused form says why, keeps what was typed, and works when it is sent again", async ({ people, keep }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const page = await people.newcomer();
  await delayWasm(page);
  await openEarly(page, link);
  const join = new JoinPage(page);
  await join.username.fill("Ann");
  await join.join.click();
  await expect(page.getByText(/already has that name/)).toBeVisible();
  await expect(join.username).toHaveValue("Ann");
  await expect(join.username).toBeFocused();
  await expect(page).toHaveURL(link);
  await keep(page, "join-refused");
  await join.username.fill("Anne");
  await join.join.click();
  await page.waitForURL(/\/chat\//);
});

test("a page that is hydrated while a form is half filled in keeps what was typed", async ({ people }) => {
  const page = await people.newcomer();
  const show = await delayWasm(page);
  await openEarly(page, "/");
  const home = new HomePage(page);
  await home.username.fill("Ann");
  await home.choose("Members with a password");
  await home.password.fill("correct horse");
  await page.getByText("More options").click();
  await page.getByLabel("Seats").fill("3");
  show();
  await home.isReady();
  await expect(home.username).toHaveValue("Ann");
  await expect(home.password).toHaveValue("correct horse");
  await home.chatName.fill("Movie night");
  await expect(page.getByLabel("Seats")).toHaveValue("3");
  await home.start.click();
  const chat = new ChatPage(page);
  await chat.isReady();
  await chat.openPeople();
  await expect(page.getByText("1 of 3")).toBeVisible();
});

test("a refused form is hydrated with its problem, and can be sent from there", async ({ people }) => {
  const page = await people.newcomer();
  const show = await delayWasm(page);
  await openEarly(page, "/");
  const home = new HomePage(page);
  await home.choose("Members with a password");
  await home.username.fill("Ann");
  await home.password.fill("short");
  await home.start.click();
  const said = page.getByText(/must have at least 8 characters/i);
  await expect(said).toBeVisible();
  show();
  await home.isReady();
  await expect(said).toBeVisible();
  await expect(home.username).toHaveValue("Ann");
  await home.password.fill("correct horse");
  await home.start.click();
  await new ChatPage(page).isReady();
});

test("a chat that was started before the WebAssembly is blocked opens after a reload without the block", async ({ people }) => {
  const page = await people.newcomer();
  await delayWasm(page);
  await openEarly(page, "/");
  const home = new HomePage(page);
  await home.username.fill("Ann");
  await page.route(WASM, (route) => route.abort("blockedbyclient"));
  await home.start.click();
  await page.waitForURL(/\/chat\//);
  await expect(page.getByRole("alert").filter({ hasText: /couldn't start/ })).toBeVisible();
  await page.unrouteAll();
  await page.getByRole("button", { name: "Reload the page" }).click();
  const chat = new ChatPage(page);
  await chat.isReady();
  await chat.say("still here");
});

test("a form that is sent again, before and after hydration, starts one chat", async ({ people }) => {
  const posted: string[] = [];
  const page = await people.newcomer();
  const isSent = (request: Request) => request.method() === "POST";
  page.on("request", (request) => isSent(request) && posted.push(request.url()));
  const show = await delayWasm(page);
  await openEarly(page, "/");
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route("/", async (route) => {
    await answered;
    await route.continue();
  });
  const home = new HomePage(page);
  await home.username.fill("Ann");
  const sent = page.waitForRequest(isSent);
  const hydrated = page.waitForEvent("console", (message) => message.text() === "sent after hydration");
  // While an answer is awaited, Playwright's own clicks would wait too.
  await page.evaluate(() => {
    const start = document.querySelector<HTMLElement>("button[type=submit]")!;
    addEventListener("hydrated", () => {
      start.click();
      console.log("sent after hydration");
    });
    start.click();
    start.click();
  });
  await sent;
  show();
  await hydrated;
  answer();
  await page.waitForURL(/\/chat\//);
  await new ChatPage(page).isReady();
  expect(posted).toHaveLength(1);
});

test("an owner who opens the chat's own link keeps the seat", async ({ people }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const { page } = ann;
  const show = await delayWasm(page);
  await openEarly(page, link);
  const join = new JoinPage(page);
  await join.username.fill("Test");
  await join.join.click();
  show();
  await ann.isReady();
  await ann.openPeople();
  await expect(ann.members).toHaveCount(1);
  await expect(ann.members).toContainText("Ann");
});

test("going back after a refused form posts nothing again", async ({ people }) => {
  const ann = await people.owner("Ann");
  const page = await people.newcomer();
  await page.goto("/docs");
  const show = await delayWasm(page);
  await openEarly(page, await ann.magicLink());
  const join = new JoinPage(page);
  await join.username.fill("Ann");
  await join.join.click();
  await expect(page.getByText(/already has that name/)).toBeVisible();
  await join.username.fill("Bob");
  await join.join.click();
  await page.waitForURL(/\/chat\//);
  const posted: string[] = [];
  page.on("request", (request) => request.method() === "POST" && posted.push(request.url()));
  // Until the WebAssembly is shown, the page does not leave by itself.
  await page.goBack({ waitUntil: "commit" });
  await expect(join.username).toBeVisible();
  await page.reload({ waitUntil: "commit" });
  show();
  await page.waitForURL(/\/(chat|join)\//);
  expect(posted).toEqual([]);
});

test("a browser whose storage is full sends the form once the page is hydrated", async ({ people }) => {
  const page = await people.newcomer();
  await page.goto("/robots.txt");
  await page.evaluate(() => {
    for (let size = 4 * 2 ** 20; size >= 64; size /= 2) {
      try {
        for (let count = 0; ; count += 1) localStorage.setItem(`full ${size} ${count}`, "x".repeat(size));
      } catch {}
    }
  });
  await startEarly(page);
});

test("a browser that stores nothing sends the form once the page is hydrated", async ({ people }) => {
  const page = await people.newcomer();
  await page.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  await startEarly(page);
});

test("on a slow network, a chat is started before the WebAssembly has arrived, and it works once it has", async ({ people }) => {
  const page = await people.newcomer();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  // In bytes per second, and milliseconds for each request.
  const slow = { offline: false, downloadThroughput: 60_000, uploadThroughput: 30_000, latency: 300 };
  await devtools.send("Network.emulateNetworkConditions", slow);
  await openEarly(page, "/");
  const home = new HomePage(page);
  await home.username.fill("Ann");
  await home.start.click();
  await page.waitForURL(/\/chat\//);
  const chat = new ChatPage(page);
  await chat.isReady();
  await chat.say("hello");
  await chat.hasTexts(["hello"]);
});
