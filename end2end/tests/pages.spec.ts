// How the pages look and behave: on any screen, before the page is alive, for everyone.
import { expect, fitsItsWidth, test } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test("every page is free of accessibility violations, and is kept as a picture", async ({ people, keep }) => {
      const ann = await people.owner("Ann", "Movie night");
      await keep(ann.page, "chat-empty");
      const link = await ann.magicLink();
      const newcomer = await people.newcomer();
      await new JoinPage(newcomer).open(link);
      await keep(newcomer, "join");
      const bob = await people.guest(link, "Bob");
      await people.guest(link, "王小明");
      await ann.say("Shall we watch it at eight?");
      await ann.say("I have popcorn 🍿 and this: https://example.org/trailer");
      await expect(bob.messages).toHaveCount(2);
      await bob.say("Eight is good. I might be five minutes late, so start with the trailers and keep me a seat next to the window.");
      await bob.say("مرحبا، أراكم هناك");
      await expect(ann.messages).toHaveCount(4);
      await keep(ann.page, "chat");
      await ann.openPeople();
      await expect(ann.members).toHaveCount(3);
      await keep(ann.page, "chat-people");
      await ann.page.locator("summary", { hasText: "Invite" }).click();
      await expect(ann.members.first()).toBeHidden();
      await keep(ann.page, "chat-invite");
      await ann.openKept();
      await expect(ann.kept).toContainText("4 of at most 30");
      await keep(ann.page, "chat-kept");
      await ann.log.click();
      await expect(ann.kept).toBeHidden();
      await ann.page.goto("/?notice=chat_full");
      await new HomePage(ann.page).isReady();
      await expect(new HomePage(ann.page).yourChats).toContainText("Nothing new");
      await keep(ann.page, "home");
      await newcomer.goto("/");
      await new HomePage(newcomer).isReady();
      await keep(newcomer, "home-first");
      await newcomer.goto("/nothing/here");
      await keep(newcomer, "not-found");
      await newcomer.goto("/docs");
      await keep(newcomer, "docs");
    });
  });
}

test("the message box stays on the screen, however small, and with a keyboard up", async ({ people }) => {
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

test("the pages can be read before they are alive", async ({ browser, baseURL }) => {
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

test("nothing is loaded from elsewhere, and the key in a magic link is never sent in an address", async ({ people }) => {
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

test("a chat can be held by keyboard alone", async ({ people: visitors, isMobile }) => {
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
