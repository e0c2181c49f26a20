// After too many actions, the page says how long to wait, and then continues. The server's clock stands
// still, so that no limit expires before the test reaches it.
import { test as base, expect } from "../fixtures.ts";
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

test("after too many new chats the page says how long to wait, and then starts one", async ({ people, request, server }) => {
  for (let at = 0; at < 20; at++) {
    expect((await request.post("/create")).status()).toBe(201);
  }
  const home = await new HomePage(await people.newcomer()).open();
  await home.username.fill("Ann");
  await home.start.click();
  await expect(home.page.getByRole("alert").filter({ hasText: wait(3) })).toBeVisible();
  // The typed name is still there, and the button works again.
  await expect(home.username).toHaveValue("Ann");
  await expect(home.start).toBeEnabled();
  await home.choose("Open chat");
  await home.chatName.fill("Week 3 lab");
  await home.start.click();
  await expect(home.page.getByRole("alert").filter({ hasText: wait(3) })).toBeVisible();
  await server.advance(3);
  await home.choose("Anyone with an invite link");
  const ann = await home.startChat("Ann", "At last");
  await expect(ann.page.getByRole("heading", { name: "At last" })).toBeVisible();
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

test("a room slows down password guesses, says how long to wait, and then accepts the right password", async ({ people, request, server }) => {
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
  await told(wait(1));
  await expect(phone.logIn).toBeEnabled();
  await server.advance(1);
  await phone.logInAs("Bob", "guess number 7");
  await told("The username or the password is wrong.");
  await phone.logInAs("Bob", "correct horse");
  await told(wait(2));
  await expect(phone.username).toHaveValue("Bob");
  await server.advance(2);
  await phone.logInAs("Bob", "correct horse");
  await phone.isIn();
});

test("a link that is opened after too many attempts says how long to wait, and then works", async ({ people, request, server }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const chat = ann.page.url().split("/").pop();
  const guess = () => request.post(`/${chat}/join`, { data: { key: "A".repeat(43), username: "Eve" } });
  // Her own page may have checked its link, which counts too.
  await expect.poll(async () => (await guess()).status(), { intervals: [0] }).toBe(429);
  const join = new JoinPage(await people.newcomer());
  await join.page.goto(link);
  const told = join.page.getByRole("alert").filter({ hasText: wait(1) });
  await expect(told).toBeVisible();
  await join.isReady();
  await join.username.fill("Bob");
  await join.join.click();
  await expect(told).toBeVisible();
  await join.isReady();
  await server.advance(1);
  const bob = await join.joinAs("Bob");
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
