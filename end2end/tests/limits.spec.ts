// After too many actions, the page waits, says so, and then continues by itself; it says how long to wait if that is
// long. The server's clock stands still, so that no limit expires before the test reaches it.
import type { Page, Route } from "@playwright/test";
import { test as base, expect } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";
import { RoomPage } from "../pages/room.ts";
import { newFolder, startStandingServer } from "../server.ts";

const test = base.extend<{ server: { site: string; advance(seconds: number): Promise<void> } }>({
  server: async ({}, use) => {
    const { folder, remove } = await newFolder();
    const server = await startStandingServer(folder);
    await use(server);
    await server.stop();
    await remove();
  },
  baseURL: async ({ server }, use) => use(server.site),
});

const wait = (seconds: number) => new RegExp(`Try again in ${seconds} s`);

/** The sentence that the page shows while it waits to send a request again. */
const waits = (page: Page, seconds: number) =>
  page.getByRole("status").filter({ hasText: `Trying again in ${seconds} s…` });

test("after too many new chats the page waits, says so, and then starts one by itself", async ({ people, request, server }) => {
  for (let at = 0; at < 20; at++) {
    expect((await request.post("/create")).status()).toBe(201);
  }
  const home = await new HomePage(await people.newcomer()).open();
  await home.username.fill("Ann");
  await home.chatName.fill("At last");
  await home.start.click();
  await expect(waits(home.page, 3)).toBeVisible();
  await expect(home.username).toHaveValue("Ann");
  await expect(home.start).toBeDisabled();
  await server.advance(3);
  await expect(home.page.getByRole("heading", { name: "At last" })).toBeVisible();
  const other = await new HomePage(await people.newcomer()).open();
  const named = await other.startChatroom("Week 3 lab");
  await expect(waits(other.page, 3)).toBeVisible();
  await server.advance(3);
  await expect(named.page.getByRole("button", { name: "Continue" })).toBeEnabled();
});

test("messages that are sent too fast wait, survive a reload, and arrive once and in order", async ({ people, server }) => {
  const home = await new HomePage(await people.newcomer()).open();
  await home.page.locator("summary", { hasText: "More options" }).click();
  await home.page.getByLabel("Messages kept").fill("100");
  const ann = await home.startChat("Ann");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  const texts = Array.from({ length: 40 }, (_, at) => `message ${at + 1}`);
  for (const text of texts) {
    await ann.say(text);
  }
  const sending = ann.page.getByText("Sending…");
  await bob.hasTexts(texts.slice(0, 30));
  await expect(sending).toHaveCount(10);
  await expect(waits(ann.page, 1)).toBeVisible();
  await expect(ann.messages).toHaveCount(30);
  await expect(ann.page.getByRole("alert").filter({ hasText: "Not sent" })).toBeHidden();
  await ann.page.reload();
  await ann.isReady();
  await expect(sending).toHaveCount(10);
  await server.advance(1);
  await bob.hasTexts(texts.slice(0, 35));
  await expect(sending).toHaveCount(5);
  // Another member can post in the meantime.
  await bob.say("not so fast");
  const all = [...texts.slice(0, 35), "not so fast", ...texts.slice(35)];
  await ann.hasTexts(all.slice(0, 36));
  await server.advance(1);
  await bob.hasTexts(all);
  await ann.hasTexts(all);
  await expect(sending).toBeHidden();
});

test("a room slows down password guesses, waits by itself, and then accepts the right password", async ({ people, request, server }) => {
  const { roomid } = await (await request.post("/createroom", { data: { alias: "Book club" } })).json();
  const room = await new RoomPage(await people.newcomer()).open(`/room/${roomid}`);
  await room.registerAs("Bob", "correct horse");
  await room.isIn();
  const phone = await new RoomPage(await people.newcomer()).open(`/room/${roomid}`);
  const told = (what: string | RegExp) => expect(phone.page.getByText(what)).toBeVisible();
  for (let at = 0; at < 5; at++) {
    await phone.logInAs("Bob", `guess number ${at}`);
    await expect(phone.logIn).toBeEnabled();
    await told("The username or the password is wrong.");
  }
  await phone.logInAs("Bob", "guess number 6");
  await expect(waits(phone.page, 1)).toBeVisible();
  await server.advance(1);
  await told("The username or the password is wrong.");
  await expect(phone.logIn).toBeEnabled();
  await phone.logInAs("Bob", "correct horse");
  await expect(waits(phone.page, 2)).toBeVisible();
  await expect(phone.username).toHaveValue("Bob");
  await server.advance(2);
  await phone.isIn();
});

test("a link that is opened after too many attempts waits, and then works", async ({ people, request, server }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const chat = ann.page.url().split("/").pop();
  const guess = () => request.post(`/${chat}/join`, { data: { key: "A".repeat(43), username: "Eve" } });
  // Her own page may have checked its link, which counts too.
  await expect.poll(async () => (await guess()).status(), { intervals: [0] }).toBe(429);
  const join = new JoinPage(await people.newcomer());
  await join.page.goto(link);
  await expect(waits(join.page, 1)).toBeVisible();
  await join.username.fill("Bob");
  await join.join.click();
  await expect(waits(join.page, 1)).toBeVisible();
  // One attempt is for the preview of the link, one for the name.
  await server.advance(2);
  const bob = new ChatPage(join.page);
  await bob.isReady();
  await bob.say("in after all");
  await ann.hasTexts(["in after all"]);
});

test("after too many knocks from one address the page says how long to wait", async ({ people, request, server }) => {
  const ann = await people.gatekeeper("Ann");
  const link = await ann.magicLink();
  const { pathname, hash } = new URL(link);
  const knock = (username: string) =>
    request.post(`/${pathname.split("/").pop()}/join`, { data: { key: hash.slice(1), username } });
  for (let at = 1; at <= 6; at++) {
    expect((await knock(`Guest ${at}`)).status()).toBe(202);
  }
  const seventh = new JoinPage(await people.newcomer());
  await seventh.page.goto(link);
  await expect(seventh.ask).toBeEnabled();
  await seventh.username.fill("Bob");
  await seventh.ask.click();
  await expect(seventh.page.getByRole("alert").filter({ hasText: wait(300) })).toBeVisible();
  await expect(ann.knocks.getByRole("listitem")).toHaveCount(6);
  await server.advance(300);
  await seventh.askAs(link, "Bob");
  await expect(ann.knocks.getByRole("listitem")).toHaveCount(7);
});

/** Answers the next requests for `path` as a busy server or proxy does, and returns how many there were. */
async function refuseOnce(page: Page, path: RegExp, status: number, seconds: number, body?: object) {
  const asked = { times: 0 };
  await page.route(path, async (route: Route) => {
    asked.times += 1;
    if (asked.times > 1) return route.continue();
    const headers = { "retry-after": String(seconds), "content-type": "application/problem+json" };
    const problem = { status, title: "Too many requests", detail: "Too many.", code: "too_many_requests", retry_after: seconds };
    await route.fulfill({ status, headers, body: JSON.stringify(body ?? problem) });
  });
  return asked;
}

test("every form of the page waits once and then succeeds", async ({ people, request }) => {
  const home = await new HomePage(await people.newcomer()).open();
  const created = await refuseOnce(home.page, /\/sf\/create_chat$/, 429, 1);
  const ann = await home.startChat("Ann");
  expect(created.times).toBe(2);

  const made = await refuseOnce(ann.page, /\/invite$/, 429, 1);
  await ann.openInvite();
  const link = await ann.makeLink({ label: "for Bob" });
  expect(made.times).toBe(2);
  await ann.openInvite();

  const join = new JoinPage(await people.newcomer());
  const previewed = await refuseOnce(join.page, /\/sf\/preview_invite$/, 429, 1);
  const joined = await refuseOnce(join.page, /\/sf\/join_chat$/, 429, 1);
  await join.page.goto(link);
  await join.isReady();
  const bob = await join.joinAs("Bob");
  expect(joined.times).toBe(2);
  expect(previewed.times).toBeGreaterThan(0);

  // A proxy's own refusal has no problem in its body.
  const posted = await refuseOnce(bob.page, /\/sf\/post_message$/, 429, 1, {});
  await bob.say("hello");
  await ann.hasTexts(["hello"]);
  expect(posted.times).toBe(2);

  const { roomid } = await (await request.post("/createroom", { data: { alias: "Book club" } })).json();
  const room = await new RoomPage(await people.newcomer()).open(`/room/${roomid}`);
  const registered = await refuseOnce(room.page, /\/sf\/register$/, 429, 1);
  const loggedIn = await refuseOnce(room.page, /\/sf\/log_in$/, 429, 1);
  await room.registerAs("Cem", "correct horse");
  await room.isIn();
  expect([registered.times, loggedIn.times]).toEqual([2, 2]);

  const named = await (await new HomePage(await people.newcomer()).open()).startChatroom("Week 3 lab");
  const opened = await refuseOnce(named.page, /\/sessions$/, 429, 1);
  await named.username.fill("Dora");
  await named.goOn.click();
  await new ChatPage(named.page).isReady();
  expect(opened.times).toBe(2);
});

test("a chat that is told to wait polls again only after that", async ({ people }) => {
  const ann = await people.owner("Ann");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  // Without a stream, the page polls every second.
  await bob.page.routeWebSocket(/\/live/, (socket) => socket.close());
  await bob.page.clock.install();
  await bob.page.reload();
  await bob.isReady();
  let refuses = true;
  let polls = 0;
  await bob.page.route(/\?after=\d+$/, async (route) => {
    if (!refuses) return route.continue();
    polls += 1;
    await route.fulfill({ status: 503, headers: { "retry-after": "3600" }, body: "busy" });
  });
  const begun = bob.page.waitForResponse((answer) => answer.status() === 503);
  await bob.page.clock.runFor(5_000);
  await begun;
  await bob.page.clock.runFor(50_000);
  expect(polls).toBe(1);
  await expect(bob.page.getByText("Not connected. Trying again…")).toBeVisible();
  refuses = false;
  await ann.say("are you there?");
  await bob.page.clock.fastForward(3_600_000);
  await bob.page.clock.runFor(3_000);
  await bob.hasTexts(["are you there?"]);
  await expect(bob.page.getByText("Not connected. Trying again…")).toBeHidden();
});
