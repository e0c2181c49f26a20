// Events show at once, and nothing is lost or duplicated when the connection is lost.
import { hide, noteAlerts } from "../alerts.ts";
import { expect, test } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { scripted } from "../scripted.ts";
import { newFolder, startServer } from "../server.ts";

test("messages arrive by the stream, and the page rarely polls while it is open", async ({ people }) => {
  const ann = await people.owner();
  const bob = await people.guest(await ann.magicLink());
  await ann.say("first");
  await bob.hasTexts(["first"]);
  let polls = 0;
  bob.page.on("request", (request) => {
    polls += request.url().includes("?after=") ? 1 : 0;
  });
  const texts = ["first"];
  for (let at = 2; at <= 9; at++) {
    texts.push(`message ${at}`);
    await ann.say(`message ${at}`);
    await bob.hasTexts(texts);
  }
  expect(polls).toBeLessThanOrEqual(2);
  await expect(bob.page.locator(".connection:not(:empty)")).toHaveCount(0);
});

test("the other member sees that someone is typing, until the message arrives", async ({ people }) => {
  const ann = await people.owner("Ann");
  const bob = await people.guest(await ann.magicLink());
  await ann.say("hello");
  await bob.hasTexts(["hello"]);
  await ann.box.pressSequentially("Shall we");
  await expect(bob.typing).toHaveText("Ann is typing…");
  await expect(ann.typing).toBeEmpty();
  await ann.box.press("Enter");
  await bob.hasTexts(["hello", "Shall we"]);
  await expect(bob.typing).toBeEmpty();
});

test("members who join or leave show at once", async ({ people }) => {
  const ann = await people.owner();
  const link = await ann.magicLink();
  await ann.openPeople();
  await expect(ann.members).toHaveCount(1);
  const bob = await people.guest(link, "Bob");
  await expect(ann.members.filter({ hasText: "Bob" })).toContainText("online");
  bob.page.on("dialog", (dialog) => dialog.accept());
  await bob.openPeople();
  await bob.page.getByRole("button", { name: "Leave" }).click();
  await expect(ann.members).toHaveCount(1);
});

test("three messages written offline survive a reload and arrive once, in order", async ({ people }) => {
  const ann = await people.owner();
  const bob = await people.guest(await ann.magicLink());
  const context = ann.page.context();
  const address = ann.page.url();
  await context.setOffline(true);
  await expect(ann.page.getByText("Not connected")).toBeVisible();
  for (const text of ["one", "two", "three"]) {
    await ann.say(text);
  }
  await expect(ann.page.getByText("Sending…")).toHaveCount(3);
  // Offline, the page cannot load.
  await ann.page.reload().catch(() => undefined);
  await context.setOffline(false);
  await ann.page.goto(address);
  await bob.hasTexts(["one", "two", "three"]);
  await ann.hasTexts(["one", "two", "three"]);
});

test("two tabs that reconnect together send each waiting message once", async ({ people }) => {
  const ann = await people.owner();
  const bob = await people.guest(await ann.magicLink());
  const context = ann.page.context();
  const tab = new ChatPage(await context.newPage());
  await tab.page.goto(ann.page.url());
  await tab.isReady();
  await context.setOffline(true);
  await expect(ann.page.getByText("Not connected")).toBeVisible();
  await expect(tab.page.getByText("Not connected")).toBeVisible();
  await ann.say("from the first tab");
  await tab.say("from the second tab");
  await context.setOffline(false);
  await expect(bob.messages).toHaveCount(2);
  await bob.say("and an answer");
  await expect(ann.messages).toHaveCount(3);
  await expect(tab.messages).toHaveCount(3);
  await expect(bob.messages).toHaveCount(3);
});

test("a hidden page shows new messages in its title and on its icon", async ({ people }) => {
  const ann = await people.owner("Ann", "Movie night");
  const bob = await people.guest(await ann.magicLink());
  const icon = bob.page.locator("link[rel=icon]");
  await hide(bob.page);
  await ann.say("one");
  await ann.say("two");
  await expect(bob.page).toHaveTitle("(2) Movie night · Watch Party");
  await expect(icon).toHaveAttribute("href", "assets/icon-unread.svg");
  await hide(bob.page, false);
  await expect(bob.page).toHaveTitle("Movie night · Watch Party");
  await expect(icon).toHaveAttribute("href", "assets/icon.svg");
});

test("a hidden page announces new messages by sound and notification, if these are turned on", async ({ people }) => {
  const ann = await people.owner("Ann", "Movie night");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  const page = bob.page;
  const told = await noteAlerts(page, "default");
  await hide(page);
  await ann.say("nobody asked to be told");
  await expect(bob.messages).toHaveCount(1);
  expect(await told()).toEqual([]);
  await bob.openPeople();
  await page.getByLabel("Play a sound").check();
  await page.getByLabel("Show a notification").check();
  expect(await told()).toEqual(["a note", "a note"]);
  await ann.say("popcorn?");
  await expect(bob.messages).toHaveCount(2);
  expect((await told()).slice(2)).toEqual(["a note", "a note", "Movie night: New message from Ann"]);
});

test("ten tabs in ten chats stay live, and another page still loads", async ({ people, request }) => {
  const first = await people.owner("Ann", "Chat 0");
  const context = first.page.context();
  const chats = [first];
  for (let at = 1; at < 10; at++) {
    chats.push(await (await new HomePage(await context.newPage()).open()).startChat("Ann", `Chat ${at}`));
  }
  // One more page loads besides.
  await new HomePage(await context.newPage()).open();
  for (const [at, chat] of chats.entries()) {
    const say = await scripted(request, await chat.magicLink(), "Bob");
    await say(`said in ${at}`);
    await chat.hasTexts([`said in ${at}`]);
    await expect(chat.page.locator(".connection:not(:empty)")).toHaveCount(0);
  }
});

test.describe("with a separate server", () => {
  test("a server that is killed and restarted loses and duplicates nothing, and the pages need no reload", async ({ people }) => {
    const { folder, remove } = await newFolder();
    let server = await startServer(folder);
    const { site } = server;
    try {
      const ann = await people.owner("Ann", "Movie night", site);
      const bob = await people.guest(await ann.magicLink());
      await ann.say("before");
      await bob.hasTexts(["before"]);
      await server.kill();
      await expect(bob.page.getByText("Not connected")).toBeVisible();
      await ann.say("while it was down");
      await bob.say("me too");
      server = await startServer(folder, Number(new URL(site).port));
      await expect(ann.messages).toHaveCount(3);
      await expect(bob.messages).toHaveCount(3);
      await expect(bob.page.getByText("Not connected")).toBeHidden();
      await ann.say("after");
      await expect(bob.messages).toHaveCount(4);
      const texts = await bob.messages.locator(".text").allInnerTexts();
      expect([...texts].sort()).toEqual(["after", "before", "me too", "while it was down"]);
      expect(await ann.messages.locator(".text").allInnerTexts()).toEqual(texts);
    } finally {
      await server.stop();
      await remove();
    }
  });
});
