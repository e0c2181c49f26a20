// How the pages behave on any screen, before their scripts run, and with the keyboard alone.
import { expect, fitsItsWidth, test } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";

test("the message box stays on the screen, however small, and with the keyboard open", async ({ people }) => {
  const ann = await people.owner("Ann", "A chat whose name is far too long for a small screen to show");
  for (let at = 1; at <= 12; at++) {
    await ann.say(`message ${at}, long enough to fill more than one line of a narrow screen`);
  }
  await expect(ann.messages).toHaveCount(12);
  for (const size of [{ width: 320, height: 568 }, { width: 320, height: 280 }]) {
    await ann.page.setViewportSize(size);
    await ann.boxIsOnScreen();
    await fitsItsWidth(ann.page);
    await ann.log.evaluate((log) => log.scrollTo({ top: 0 }));
    await ann.boxIsOnScreen();
    await ann.page.evaluate(() => window.scrollTo(0, 10_000));
    await ann.boxIsOnScreen();
  }
});

test("one panel replaces another, and a click outside closes it", async ({ people }) => {
  const ann = await people.owner();
  const link = ann.page.getByLabel("Invite link", { exact: true });
  await ann.openPeople();
  await expect(ann.members).toHaveCount(1);
  await expect(ann.members.first()).toBeVisible();
  await ann.openInvite();
  await expect(ann.members.first()).toBeHidden();
  await expect(link).toBeVisible();
  await ann.openKept();
  await expect(link).toBeHidden();
  await expect(ann.kept).toBeVisible();
  // On a phone, the panel covers the upper half of the messages.
  const { width, height } = (await ann.log.boundingBox())!;
  await ann.log.click({ position: { x: width / 2, y: height - 4 } });
  await expect(ann.kept).toBeHidden();
});

test("the pages can be read before their scripts run", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL });
  const page = await context.newPage();
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/Talk in private/);
  await expect(page.getByLabel("Your name")).toBeVisible();
  await page.goto("/join/2eaf4767-9975-4773-b7c7-817e60ce2bfb");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Join the chat");
  await page.goto("/chat/2eaf4767-9975-4773-b7c7-817e60ce2bfb");
  await expect(page.getByRole("log")).toContainText("Opening the chat");
  await context.close();
});

test("a page also works at an address with a slash at its end", async ({ people }) => {
  const ann = await people.owner("Ann");
  const join = await new JoinPage(await people.newcomer()).open((await ann.magicLink()).replace("#", "/#"));
  const bob = await join.joinAs("Bob");
  await bob.page.goto(`${bob.page.url()}/`);
  await expect(bob.log).not.toContainText("Opening the chat");
  await bob.say("still here");
  await ann.hasTexts(["still here"]);
});

test("the API page fits a small screen", async ({ people }) => {
  const page = await people.newcomer();
  await page.setViewportSize({ width: 320, height: 568 });
  for (const address of ["/docs", "/docs/"]) {
    await page.goto(address);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("API");
    // It has its style, with and without a slash at the end of its address.
    await expect(page.locator(".docs")).toHaveCSS("display", "grid");
    await fitsItsWidth(page);
  }
});

test("nothing is loaded from other hosts, and the key of a magic link is never sent in an address", async ({ people }) => {
  const ann = await people.owner();
  const link = await ann.magicLink();
  const page = await people.newcomer();
  const asked: string[] = [];
  const said: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  const join = await new JoinPage(page).open(link);
  const bob = await join.joinAs("Bob");
  await bob.say("hello");
  await ann.hasTexts(["hello"]);
  await page.goto("/docs");
  const site = new URL(link).origin;
  const key = new URL(link).hash.slice(1);
  expect(asked.filter((address) => !address.startsWith(site))).toEqual([]);
  expect(asked.filter((address) => new URL(address).pathname.includes(key) || new URL(address).search.includes(key))).toEqual([]);
  expect(said).toEqual([]);
});

test("a chat can be used with the keyboard alone", async ({ people: visitors, isMobile }) => {
  const home = await new HomePage(await visitors.newcomer()).open();
  await home.username.focus();
  await home.page.keyboard.type("Ann");
  await home.page.keyboard.press("Enter");
  await expect(home.page).toHaveURL(/\/chat\//);
  const chat = new ChatPage(home.page);
  await chat.isReady();
  if (isMobile) {
    await chat.box.focus();
  }
  await expect(chat.box).toBeFocused();
  const people = home.page.locator("summary", { hasText: "People" });
  const invite = home.page.locator("summary", { hasText: "Invite" });
  const leave = home.page.getByRole("button", { name: "Leave" });
  for (const stop of [chat.log, people, invite]) {
    await home.page.keyboard.press("Shift+Tab");
    await expect(stop).toBeFocused();
  }
  await home.page.keyboard.press("Tab");
  await expect(people).toBeFocused();
  await home.page.keyboard.press("Enter");
  await expect(leave).toBeVisible();
  await home.page.keyboard.press("Escape");
  await expect(leave).toBeHidden();
  await expect(people).toBeFocused();
  for (const stop of [chat.log, chat.box]) {
    await home.page.keyboard.press("Tab");
    await expect(stop).toBeFocused();
  }
  await home.page.keyboard.type("typed");
  await home.page.keyboard.press("Enter");
  await chat.hasTexts(["typed"]);
  await expect(chat.box).toBeFocused();
});
