// Joining: knocks, links with their own terms, and owners who return.
import type { Page, Request } from "@playwright/test";
import { hide, noteAlerts } from "../alerts.ts";
import { expect, test } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";
import { newFolder, startServer } from "../server.ts";

test("an owner approves one guest and declines another, and both see it at once", async ({ people }) => {
  const ann = await people.gatekeeper("Ann", "Movie night");
  await ann.say("before anyone was there");
  const link = await ann.magicLink();
  const bob = await people.knocker(link, "Bob");
  await expect(ann.knocks).toContainText("Bob wants to join");
  await expect(ann.page).toHaveTitle("Bob wants to join · Movie night · Watch Party");
  const eve = await people.knocker(link, "Eve");
  await expect(ann.knocks.getByRole("listitem")).toHaveCount(2);
  await ann.decline("Eve");
  await new HomePage(eve.page).isShownBecause(/declined your request/);
  await ann.approve("Bob");
  const guest = await bob.isIn();
  await expect(ann.knocks).toBeHidden();
  await guest.hasTexts(["before anyone was there"]);
  await guest.say("thank you");
  await ann.hasTexts(["before anyone was there", "thank you"]);
  await ann.openPeople();
  await expect(ann.members).toHaveCount(2);
});

test("a guest still waits after a reload and in a second tab, and can stop waiting", async ({ people }) => {
  const ann = await people.gatekeeper();
  const link = await ann.magicLink();
  const bob = await people.knocker(link, "Bob");
  await bob.page.reload();
  await expect(bob.waiting).toBeVisible();
  const tab = new JoinPage(await bob.page.context().newPage());
  await tab.page.goto(link);
  await expect(tab.waiting).toBeVisible();
  await expect(ann.knocks.getByRole("listitem")).toHaveCount(1);
  await ann.approve("Bob");
  await bob.isIn();
  await tab.isIn();
  await ann.openPeople();
  await expect(ann.members).toHaveCount(2);
  const cem = await people.knocker(link, "Cem");
  await expect(ann.knocks).toContainText("Cem");
  await cem.page.getByRole("button", { name: "Stop waiting" }).click();
  await expect(ann.knocks).toBeHidden();
  await new HomePage(cem.page).isShownBecause(/withdrew your request/);
});

test("an owner's hidden page announces a knock by sound and notification", async ({ people }) => {
  const ann = await people.gatekeeper("Ann", "Movie night");
  const link = await ann.magicLink();
  const told = await noteAlerts(ann.page, "granted");
  await ann.page.evaluate(() => {
    localStorage["watch-party/alerts"] = JSON.stringify({ sound: true, notification: true });
  });
  await hide(ann.page);
  await people.knocker(link, "Bob");
  await expect(ann.knocks).toContainText("Bob");
  expect(await told()).toEqual(["a note", "a note", "Movie night: Bob wants to join"]);
  await expect(ann.page.locator("link[rel=icon]")).toHaveAttribute("href", "assets/icon-unread.svg");
});

test("a link has its own terms, is listed with the members who joined with it, and is revoked with or without them", async ({ people }) => {
  const ann = await people.owner("Ann");
  await ann.openInvite();
  await expect(ann.links).toHaveCount(1);
  const once = await ann.makeLink({ label: "for Bob", uses: 1, life: "1 hour" });
  await expect(ann.links.nth(1)).toContainText("0 of 1 used");
  const bob = await people.guest(once, "Bob");
  const late = await people.newcomer();
  await late.goto(once);
  await new HomePage(late).isShownBecause(/doesn't work/);
  const asking = await ann.makeLink({ label: "for friends of Bob", asksFirst: true });
  const cem = await people.knocker(asking, "Cem");
  await ann.page.keyboard.press("Escape");
  await ann.approve("Cem");
  const guest = await cem.isIn();
  await ann.openInvite();
  const forBob = ann.links.filter({ hasText: "for Bob" });
  const forFriends = ann.links.filter({ hasText: "for friends of Bob" });
  await expect(forBob).toContainText("1 of 1 used");
  await expect(forBob).toContainText("Joined with this link: Bob");
  await expect(forFriends).toContainText("needs approval");
  await expect(forFriends).toContainText("Joined with this link: Cem");
  await forBob.getByRole("button", { name: /Revoke/ }).click();
  await forBob.getByRole("button", { name: "Revoke the link only" }).click();
  await expect(ann.links).toHaveCount(2);
  await forFriends.getByRole("button", { name: /Revoke/ }).click();
  await forFriends.getByRole("button", { name: "Revoke and remove these members" }).click();
  await expect(ann.links).toHaveCount(1);
  await expect(guest.page).not.toHaveURL(/\/chat\//);
  await bob.say("still here");
  await ann.hasTexts(["still here"]);
  await ann.openPeople();
  await expect(ann.members).toHaveCount(2);
});

test("opening a link again by reload, second tab and back button counts as one use and keeps one seat", async ({ people }) => {
  const ann = await people.owner("Ann");
  await ann.openInvite();
  const link = await ann.makeLink({ label: "twice", uses: 2 });
  const page = await people.newcomer();
  const join = await new JoinPage(page).open(link);
  const tab = await new JoinPage(await page.context().newPage()).open(link);
  const [bob, again] = await Promise.all([join.joinAs("Bob"), tab.joinAs("Bob")]);
  await bob.page.goBack();
  await bob.page.goto(link);
  await bob.isReady();
  await again.page.reload();
  await again.isReady();
  await again.say("one of me");
  await ann.hasTexts(["one of me"]);
  await ann.page.keyboard.press("Escape");
  await ann.openInvite();
  await expect(ann.links.filter({ hasText: "twice" })).toContainText("1 of 2 used");
});

test("joining again after a lost response gives the same seat", async ({ people }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const join = await new JoinPage(await people.newcomer()).open(link);
  let lost = 0;
  await join.page.route("**/sf/join_chat", async (route) => {
    await route.fetch();
    lost += 1;
    await route.abort();
  }, { times: 1 });
  await join.username.fill("Bob");
  await join.join.click();
  await expect(join.page.getByText(/can't be reached/)).toBeVisible();
  expect(lost).toBe(1);
  await join.joinAs("Bob");
  await ann.openPeople();
  await expect(ann.members).toHaveCount(2);
});

test("ownership is shared, given up, and inherited by the longest-seated member", async ({ people }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const bob = await people.guest(link, "Bob");
  const cem = await people.guest(link, "Cem");
  for (const person of [ann, bob, cem]) {
    person.page.on("dialog", (dialog) => dialog.accept());
  }
  await ann.openPeople();
  await ann.page.getByRole("button", { name: "Make owner: Cem" }).click();
  await expect(ann.members.filter({ hasText: "Cem" })).toContainText("owner");
  await ann.page.getByRole("button", { name: "Stop being an owner" }).click();
  await expect(ann.members.filter({ hasText: "Ann" })).not.toContainText("owner");
  await expect(ann.page.getByRole("button", { name: "End chat" })).toBeHidden();
  await cem.openPeople();
  await expect(cem.page.getByRole("button", { name: "End chat" })).toBeVisible();
  await cem.page.getByRole("button", { name: "Leave" }).click();
  await new HomePage(cem.page).isShownBecause(/You left/);
  // Ann is the longest-seated member.
  await expect(ann.page.getByRole("button", { name: "End chat" })).toBeVisible();
  await bob.openPeople();
  await expect(bob.members.filter({ hasText: "Ann" })).toContainText("owner");
});

test("a new link asks first by default if the chat does", async ({ people }) => {
  const ann = await people.gatekeeper("Ann");
  await ann.openInvite();
  const link = await ann.makeLink({ label: "left as it was" });
  await expect(ann.links.filter({ hasText: "left as it was" })).toContainText("needs approval");
  await ann.page.keyboard.press("Escape");
  await people.knocker(link, "Bob");
  await expect(ann.knocks).toContainText("Bob");
});

test("a guest who reloads after a lost response keeps the seat, although the link is then used up", async ({ people }) => {
  const ann = await people.owner("Ann");
  await ann.openInvite();
  const link = await ann.makeLink({ label: "once", uses: 1 });
  const join = await new JoinPage(await people.newcomer()).open(link);
  const lost = join.page.waitForEvent("requestfailed");
  await join.page.route("**/sf/join_chat", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await join.username.fill("Bob");
  await join.join.click();
  await lost;
  await join.page.reload();
  await join.isReady();
  const bob = await join.joinAs("Bob");
  await bob.say("in after all");
  await ann.hasTexts(["in after all"]);
});

test("people can wait for a seat in a full chat, and the page says when one is free", async ({ people, request }) => {
  const made = await (await request.post("/create", { data: { capacity: 2 } })).json();
  const bob = await people.guest(made.invite.magic_link, "Bob");
  const late = await people.newcomer();
  await late.goto(made.invite.magic_link);
  await new HomePage(late).isShownBecause(/full/);
  await late.getByRole("button", { name: "Tell me when a seat is free" }).click();
  await expect(late.getByText("Waiting for a seat")).toBeVisible();
  bob.page.on("dialog", (dialog) => dialog.accept());
  await bob.openPeople();
  await bob.page.getByRole("button", { name: "Leave" }).click();
  await expect(late.getByRole("alert").filter({ hasText: "A seat is free" })).toBeVisible();
  await expect(late).toHaveTitle(/A seat is free/);
  await late.getByRole("link", { name: "Join now" }).click();
  const join = new JoinPage(late);
  await join.isReady();
  await join.joinAs("Cem");
});

test("the page renews the session while it is in use, and otherwise warns before the session ends", async ({ people, request }) => {
  const ann = await people.owner("Ann");
  const before = await ann.seat();
  // As if four of the six hours had passed.
  const age = (hours: number) =>
    ann.page.evaluate((hours) => {
      const key = Object.keys(localStorage).find((key) => key.startsWith("watch-party/chat/"))!;
      const saved = JSON.parse(localStorage[key]);
      const given_at = Math.round(Date.now() - hours * 3_600_000);
      const expires_at = new Date(given_at + 6 * 3_600_000).toISOString();
      localStorage[key] = JSON.stringify({ ...saved, given_at, expires_at });
    }, hours);
  await age(4);
  await expect.poll(async () => (await ann.seat()).token).not.toBe(before.token);
  await ann.say("renewed");
  await ann.hasTexts(["renewed"]);
  const old = await request.get(`/${before.id}`, { headers: { authorization: `Bearer ${before.token}` } });
  expect(old.status()).toBe(401);
  // The page is hidden, so it only warns.
  await ann.page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
  });
  const renewed = await ann.seat();
  await age(5.9);
  await expect(ann.page.getByText(/leave this chat automatically at/)).toBeVisible();
  expect((await ann.seat()).token).toBe(renewed.token);
  await ann.page.getByRole("button", { name: "Stay" }).click();
  await expect(ann.page.getByText(/leave this chat automatically at/)).toBeHidden();
  expect((await ann.seat()).token).not.toBe(renewed.token);
});

test.describe("with a separate server", () => {
  test("an owner who closes the browser for seven hours returns as owner", async ({ people }) => {
    const { folder, remove } = await newFolder();
    let server = await startServer(folder);
    const { site } = server;
    try {
      const ann = await people.gatekeeper("Ann", "Movie night", site);
      const link = await ann.magicLink();
      await ann.say("see you later");
      await ann.hasTexts(["see you later"]);
      const context = ann.page.context();
      await ann.page.close();
      await server.stop();
      server = await startServer(folder, Number(new URL(site).port), 7);
      const bob = await people.knocker(link, "Bob");
      const home = await new HomePage(await context.newPage()).open(site);
      await expect(home.yourChats).toContainText("You've left this chat automatically");
      await home.yourChats.getByRole("link", { name: "Movie night" }).click();
      const back = new ChatPage(home.page);
      await back.isReady();
      await back.hasTexts(["see you later"]);
      await back.approve("Bob");
      const guest = await bob.isIn();
      await guest.say("good morning");
      await back.hasTexts(["see you later", "good morning"]);
      await back.openPeople();
      await expect(back.members.filter({ hasText: "Ann" })).toContainText("you, owner");
    } finally {
      await server.stop();
      await remove();
    }
  });

  test("an owner's link gives the owner the seat in another browser, and works once", async ({ people }) => {
    const { folder, remove } = await newFolder();
    let server = await startServer(folder);
    const { site } = server;
    try {
      const ann = await people.owner("Ann", "Movie night", site);
      const bob = await people.guest(await ann.magicLink(), "Bob");
      await ann.openPeople();
      await ann.page.locator("summary", { hasText: "Come back as an owner" }).click();
      await ann.page.getByRole("button", { name: "Show owner link" }).click();
      const input = ann.page.getByLabel("Owner link (shown only once)");
      await expect(input).toHaveValue(/\/chat\/[0-9a-f-]{36}#\S{43}$/);
      const link = await input.inputValue();
      const first = ann.page.context();
      await ann.page.close();
      const elsewhere = new ChatPage(await people.newcomer());
      await elsewhere.page.goto(link);
      await elsewhere.isReady();
      expect(elsewhere.page.url()).not.toContain("#");
      await elsewhere.say("from my phone");
      await bob.hasTexts(["from my phone"]);
      await elsewhere.openPeople();
      await expect(elsewhere.members).toHaveCount(2);
      await expect(elsewhere.members.filter({ hasText: "Ann" })).toContainText("you, owner");
      // An hour later the link no longer works, neither for a stranger nor in the first browser.
      await server.stop();
      server = await startServer(folder, Number(new URL(site).port), 1);
      const third = await people.newcomer();
      await third.goto(link);
      await new HomePage(third).isShownBecause(/owner link doesn't work/);
      const before = await first.newPage();
      await before.goto(link.replace(/#.*/, ""));
      await expect(before).toHaveURL(/\/join\/.*notice=session_expired#/);
      await expect(new JoinPage(before).join).toBeEnabled();
    } finally {
      await server.stop();
      await remove();
    }
  });
});

test("anyone with the address reads and posts without a seat, if the chat allows it", async ({ people, request }) => {
  const { chat_url } = await (await request.post("/v1/chats", { data: { approval: false } })).json();
  const path = new URL(chat_url).pathname;
  await request.post(path, { data: { message: "from a program" } });
  const [here, there] = [await people.newcomer(), await people.newcomer()];
  const texts = (page: Page) => page.getByRole("log", { name: "Messages" }).locator(".text");
  for (const page of [here, there]) {
    await page.goto(path);
    await expect(texts(page)).toHaveText(["from a program"], { useInnerText: false });
  }
  await here.getByLabel("Message", { exact: true }).fill("from a page");
  await here.getByLabel("Message", { exact: true }).press("Enter");
  for (const page of [here, there]) {
    await expect(texts(page)).toHaveText(["from a program", "from a page"], { useInnerText: false });
  }
  const read = await (await request.get(path)).json();
  expect(read.messages.map((said: { message: string }) => said.message)).toEqual(["from a program", "from a page"]);
});

test("a chat that was created through another dialect opens in the page, and its guests knock there", async ({ people, request }) => {
  const made = await (await request.post("/v1/chats", { data: {} })).json();
  const owner = new ChatPage(await people.newcomer());
  await owner.page.goto(`${made.chat_url}#${made.author_id}`);
  await owner.isReady();
  expect(owner.page.url()).not.toContain(made.author_id);
  const { link_url } = await (await request.post("/v1/links", { data: made })).json();
  const asked = await request.get(link_url, { headers: { accept: "application/json" } });
  expect(asked.status()).toBe(202);
  const { client_id } = await asked.json();
  await owner.approve("Guest");
  await expect(owner.knocks).toBeHidden();
  const let_in = await request.get(`${link_url}?client_id=${client_id}`, { headers: { accept: "application/json" } });
  expect((await let_in.json()).chat).toBe(made.chat_url);
  await request.post(made.chat_url, { data: { author_id: client_id, message: "hello from a script" } });
  await owner.hasTexts(["hello from a script"]);
  // The same link, opened in a browser.
  const bob = await people.knocker(link_url, "Bob");
  await owner.approve("Bob");
  await (await bob.isIn()).hasTexts(["hello from a script"]);
});

test.describe("a waiting guest gets the decision although the connection has died", () => {
  /** Leaves the page's first request to follow its knock without a response. */
  async function loseFirstStream(page: Page) {
    const streams: Request[] = [];
    await page.route("**/knocks/*", async (route) => {
      streams.push(route.request());
      if (streams.length > 1) {
        await route.continue();
      }
    });
    return streams;
  }

  test("when the page is online again", async ({ people }) => {
    const ann = await people.gatekeeper("Ann");
    const page = await people.newcomer();
    const streams = await loseFirstStream(page);
    const waiting = await new JoinPage(page).askAs(await ann.magicLink(), "Bob");
    await expect.poll(() => streams.length).toBe(1);
    await ann.approve("Bob");
    await page.evaluate(() => window.dispatchEvent(new Event("online")));
    await waiting.isIn();
  });

  test("when the stream has been silent for too long", async ({ people }) => {
    const ann = await people.gatekeeper("Ann");
    const page = await people.newcomer();
    await page.clock.install();
    const streams = await loseFirstStream(page);
    const waiting = await new JoinPage(page).askAs(await ann.magicLink(), "Bob");
    await expect.poll(() => streams.length).toBe(1);
    await ann.approve("Bob");
    // The timeout for a response, and the pause before the next attempt.
    await page.clock.fastForward(10_000);
    await page.clock.runFor(2_000);
    await waiting.isIn();
  });
});
