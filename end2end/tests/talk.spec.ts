// Two or more people talk.
import { expect, test } from "../fixtures.ts";

test("two people talk, and new messages appear without a reload", async ({ people }) => {
  const ann = await people.owner("Ann", "Movie night");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  await expect(bob.page.getByRole("heading", { level: 1 })).toHaveText("Movie night");

  await ann.say("Hello Bob");
  await bob.hasTexts(["Hello Bob"]);
  await bob.say("Hello Ann");
  await ann.hasTexts(["Hello Bob", "Hello Ann"]);

  await expect(ann.message("Hello Bob")).toHaveClass(/own/);
  await expect(bob.message("Hello Bob")).not.toHaveClass(/own/);
  await expect(bob.message("Hello Bob").locator(".author")).toHaveText("Ann");
});

test("one click copies the magic link", async ({ people }) => {
  const ann = await people.owner();
  await ann.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const link = await ann.magicLink();
  await ann.page.locator("summary", { hasText: "Invite" }).click();
  await ann.page.getByRole("button", { name: "Copy link" }).click();
  await expect(ann.page.getByText("Copied.")).toBeVisible();
  expect(await ann.page.evaluate(() => navigator.clipboard.readText())).toBe(link);
});

test("names and messages in any script arrive as they were typed", async ({ people }) => {
  const said = ["你好，世界 𠮷", "مرحبا بالعالم", "👩🏽‍🚀👨‍👩‍👧‍👦🏴‍☠️ e\u0301\u0323 नमस्ते", "שלום <b>&amp;\n\tsecond line"];
  const ann = await people.owner("王小明 👩‍🚀", "نادي السينما");
  const bob = await people.guest(await ann.magicLink(), "عائشة");
  await expect(bob.page.getByRole("heading", { level: 1 })).toHaveText("نادي السينما");
  for (const [at, text] of said.entries()) {
    await ann.say(text);
    await expect(bob.messages).toHaveCount(at + 1);
  }
  const arrived = await bob.messages.locator(".text").allInnerTexts();
  expect(arrived).toEqual(said.map((text) => text.normalize("NFC")));
  await expect(bob.messages.first().locator(".author bdi")).toHaveText("王小明 👩‍🚀");
});

test("each message has its own text direction", async ({ people }) => {
  const ann = await people.owner();
  await ann.say("مرحبا");
  await ann.say("hello");
  await expect(ann.messages).toHaveCount(2);
  const direction = (at: number) =>
    ann.messages.nth(at).locator(".text").evaluate((text) => getComputedStyle(text).direction);
  expect(await direction(0)).toBe("rtl");
  expect(await direction(1)).toBe("ltr");
});

test("of 31 messages the last 30 remain, on the page and after a reload", async ({ people }) => {
  const ann = await people.owner();
  const texts = Array.from({ length: 31 }, (_, at) => `message ${at + 1}`);
  for (const text of texts) {
    await ann.say(text);
  }
  await ann.hasTexts(texts.slice(1));
  await ann.page.reload();
  await ann.hasTexts(texts.slice(1));
});

test("messages of one author are grouped, and links in them open in a new tab", async ({ people }) => {
  const ann = await people.owner();
  await ann.say("first");
  await ann.say("see https://example.org/a?b=c. javascript:alert(1) <img src=x onerror=alert(1)>");
  await expect(ann.messages).toHaveCount(2);
  await expect(ann.messages.nth(0)).toHaveClass(/starts-group/);
  await expect(ann.messages.nth(1)).not.toHaveClass(/starts-group/);
  const link = ann.messages.nth(1).getByRole("link");
  await expect(link).toHaveCount(1);
  await expect(link).toHaveAttribute("href", "https://example.org/a?b=c");
  await expect(link).toHaveAttribute("target", "_blank");
  await expect(link).toHaveAttribute("rel", /noopener/);
  await expect(ann.log.locator("img")).toHaveCount(0);
});

test("a reader who has scrolled up stays there, and a button leads to new messages", async ({ people }) => {
  const ann = await people.owner();
  const bob = await people.guest(await ann.magicLink());
  for (let at = 1; at <= 20; at++) {
    await ann.say(`message ${at}\nof two lines`);
  }
  await expect(bob.message("message 20")).toBeInViewport();
  await bob.log.evaluate((log) => log.scrollTo({ top: 0 }));
  await ann.say("the newest");
  await expect(bob.newMessages).toBeVisible();
  await expect(bob.message("the newest")).not.toBeInViewport();
  await bob.newMessages.click();
  await expect(bob.message("the newest")).toBeInViewport();
  await expect(bob.newMessages).toBeHidden();
  await ann.say("and one more");
  await expect(bob.message("and one more")).toBeInViewport();
});

test("Shift+Enter breaks the line, and an input method's Enter sends nothing", async ({ people }) => {
  const ann = await people.owner();
  await ann.box.fill("one");
  await ann.box.press("Shift+Enter");
  await ann.box.pressSequentially("two");
  await ann.box.evaluate((box) => {
    const init = { key: "Enter", isComposing: true, bubbles: true, cancelable: true };
    box.dispatchEvent(new KeyboardEvent("keydown", init));
  });
  await expect(ann.box).toHaveValue("one\ntwo");
  await expect(ann.messages).toHaveCount(0);
  await ann.box.press("Enter");
  await ann.hasTexts(["one\ntwo"]);
});

test("a refused message stays in the box, with the reason", async ({ people }) => {
  const ann = await people.owner();
  const long = "x".repeat(2_001);
  await ann.say(long);
  await expect(ann.page.getByRole("alert").filter({ hasText: "2000 characters" })).toBeVisible();
  await expect(ann.box).toHaveValue(long);
  await ann.say("short");
  await ann.hasTexts(["short"]);
});

test("a message written offline is sent once, when the connection is back", async ({ people }) => {
  const ann = await people.owner();
  const bob = await people.guest(await ann.magicLink());
  await ann.page.context().setOffline(true);
  await expect(ann.page.getByText("Not connected")).toBeVisible();
  await ann.say("from the tunnel");
  await expect(ann.page.getByText("Sending…")).toBeVisible();
  await ann.page.context().setOffline(false);
  await bob.hasTexts(["from the tunnel"]);
  await ann.hasTexts(["from the tunnel"]);
  await expect(ann.page.getByText("Sending…")).toBeHidden();
});

test("What is kept shows what the server stores, updated each time it is opened", async ({ people }) => {
  const ann = await people.owner();
  const bob = await people.guest(await ann.magicLink());
  await bob.openKept();
  await expect(bob.kept).toContainText("None yet. The newest 30 are kept.");
  await expect(bob.kept).toContainText("2 people");
  const forgotten = await bob.kept.locator("time").getAttribute("datetime");
  const hours = (Date.parse(forgotten!) - Date.now()) / 3_600_000;
  expect(Math.round(hours)).toBe(6 + 24);
  await bob.page.keyboard.press("Escape");
  for (let at = 1; at <= 31; at++) {
    await ann.say(`message ${at}`);
  }
  await expect(bob.messages.last()).toContainText("message 31");
  await bob.openKept();
  await expect(bob.kept).toContainText("30 of at most 30. The oldest is from");
});
