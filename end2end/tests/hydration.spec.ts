// A page that cannot start says so, and what to do.
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { delayWasm } from "../holding.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";

const FAILED = /The page couldn't start/;
const WASM = /\/pkg\/watch-party\.[\w-]+\.wasm$/;
const CHAT_WASM = /\/pkg\/watch-party-chat\.[\w-]+\.wasm$/;

/** The page says what is wrong, and shows no button without a function. */
async function saysWhy(page: Page, why: RegExp) {
  const said = page.getByRole("alert").filter({ hasText: why });
  await expect(said).toBeVisible();
  await expect(page.locator("form button[type=submit]:visible")).toHaveCount(0);
  await expect(said).toBeInViewport({ ratio: 1 });
}

const broken: [string, (page: Page) => Promise<unknown>][] = [
  ["is missing", (page) => page.route(WASM, (route) => route.fulfill({ status: 404, body: "" }))],
  [
    "is broken",
    (page) => page.route(WASM, (route) => route.fulfill({ contentType: "application/wasm", body: "not WebAssembly" })),
  ],
  ["is blocked", (page) => page.route(WASM, (route) => route.abort("blockedbyclient"))],
];

for (const [how, breaks] of broken) {
  test(`a page whose WebAssembly ${how} says so, and works after a reload`, async ({ people, keep }) => {
    const page = await people.newcomer();
    await breaks(page);
    await page.goto("/");
    await saysWhy(page, FAILED);
    await keep(page, "hydration-failed");
    await page.unroute(WASM);
    await page.getByRole("button", { name: "Reload the page" }).click();
    await new HomePage(page).isReady();
    await expect(page.getByText(FAILED)).toBeHidden();
  });
}

test("a page whose script is missing says so, at every address", async ({ people }) => {
  const ann = await people.owner();
  const link = await ann.magicLink();
  const page = await people.newcomer();
  await page.route("**/pkg/*.js", (route) => route.fulfill({ status: 404, body: "" }));
  for (const address of [link, ann.page.url(), "/sessions/new", "/"]) {
    await page.goto(address);
    await saysWhy(page, FAILED);
  }
});

test("a page says that the browser has no WebAssembly", async ({ people }) => {
  const page = await people.newcomer();
  await page.addInitScript(() => Reflect.deleteProperty(window, "WebAssembly"));
  await page.goto("/");
  await saysWhy(page, /needs WebAssembly, which is turned off/);
});

test("a page says that the browser has no JavaScript", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL });
  const page = await context.newPage();
  await page.goto("/");
  await expect(page.getByText("Chatting needs JavaScript")).toBeInViewport({ ratio: 1 });
  await expect(page.locator("form button[type=submit]:visible")).toHaveCount(0);
  await context.close();
});

test("a page that loads slowly says so, until it works", async ({ people }) => {
  const page = await people.newcomer();
  await page.clock.install();
  const answer = await delayWasm(page);
  await page.goto("/", { waitUntil: "commit" });
  const slow = page.getByText("The page is still loading");
  await expect(page.locator("html")).toHaveAttribute("data-hydration", "loading");
  await expect(slow).toBeHidden();
  await page.clock.fastForward(10_000);
  await expect(slow).toBeInViewport({ ratio: 1 });
  answer();
  await new HomePage(page).isReady();
  await expect(slow).toBeHidden();
});

test("a chat is entered without loading another document, and the back button leads to the start page", async ({ people }) => {
  const page = await people.newcomer();
  const documents: string[] = [];
  page.on("request", (request) => request.isNavigationRequest() && documents.push(request.url()));
  const home = await new HomePage(page).open();
  const ann = await home.startChat("Ann", "Movie night");
  await ann.say("hello");
  await ann.hasTexts(["hello"]);
  expect(documents).toHaveLength(1);
  await page.goBack();
  await home.isReady();
  await expect(home.yourChats).toContainText("Movie night");
  await page.goForward();
  await ann.isReady();
  await ann.hasTexts(["hello"]);
});

test("a chat's file that could not be loaded in the background is loaded when the chat is entered", async ({ people }) => {
  const page = await people.newcomer();
  let tries = 0;
  await page.route(CHAT_WASM, (route) => (++tries === 1 ? route.abort() : route.continue()));
  const home = await new HomePage(page).open();
  const failed = page.waitForEvent("requestfailed");
  await home.username.fill("Ann");
  await failed;
  const ann = await home.startChat("Ann");
  await ann.say("hello");
  await ann.hasTexts(["hello"]);
  expect(tries).toBe(2);
});

test("a user who goes back while a chat's file is loading keeps the page and what is typed there", async ({ people }) => {
  const page = await people.newcomer();
  const documents: string[] = [];
  page.on("request", (request) => request.isNavigationRequest() && documents.push(request.url()));
  const home = await new HomePage(page).open();
  const show = await delayWasm(page);
  await home.username.fill("Ann");
  await home.start.click();
  await page.waitForURL(/\/chat\//);
  await page.goBack();
  await home.isReady();
  await home.chatName.fill("Movie night");
  const arrived = page.waitForResponse(CHAT_WASM);
  show();
  await (await arrived).finished();
  await expect(home.chatName).toHaveValue("Movie night");
  await home.start.click();
  const ann = new ChatPage(page);
  await ann.isReady();
  await ann.say("hello");
  await ann.hasTexts(["hello"]);
  await expect(page).toHaveTitle(/Movie night/);
  expect(documents).toHaveLength(1);
});

test("a chat whose file loads slowly says so, until it opens", async ({ people }) => {
  const page = await people.newcomer();
  await page.clock.install();
  const home = await new HomePage(page).open();
  const show = await delayWasm(page);
  await home.username.fill("Ann");
  await home.start.click();
  await page.waitForURL(/\/chat\//);
  await expect(page.getByText("Opening the chat")).toBeVisible();
  const slow = page.getByText("The page is still loading");
  await expect(slow).toBeHidden();
  // Long enough for the timer of 10 seconds that a timer starts.
  await page.clock.runFor(11_000);
  await expect(slow).toBeInViewport({ ratio: 1 });
  show();
  await new ChatPage(page).isReady();
  await expect(slow).toBeHidden();
});

test("a chat whose file is missing says so, and opens after a reload", async ({ people }) => {
  const page = await people.newcomer();
  await page.route(CHAT_WASM, (route) => route.abort("blockedbyclient"));
  const home = await new HomePage(page).open();
  await home.username.fill("Ann");
  await home.start.click();
  await page.waitForURL(/\/chat\//);
  await saysWhy(page, FAILED);
  await page.unroute(CHAT_WASM);
  await page.getByRole("button", { name: "Reload the page" }).click();
  await new ChatPage(page).isReady();
});

test("each file of the page is loaded once", async ({ people }) => {
  const asked: string[] = [];
  people.onAsking((address) => asked.push(new URL(address).pathname));
  const page = await people.newcomer();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await new HomePage(page).open();
  const files = asked.filter((address) => address.startsWith("/pkg/watch-party."));
  expect(files.map((file) => file.split(".").at(-1)).sort()).toEqual(["css", "js", "wasm"]);
  // Browsers warn on the console if a preloaded file is not the one that is used.
  expect(said).toEqual([]);
});
