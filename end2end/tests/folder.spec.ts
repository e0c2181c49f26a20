// The site in a folder of a host, behind a real nginx that does not tell the program about the folder.
import { test as base, expect } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { RoomPage } from "../pages/room.ts";
import { SessionPage } from "../pages/session.ts";
import { startProxy } from "../proxy.ts";
import { newFolder } from "../server.ts";

const FOLDER = "/some/path";

interface Proxy {
  host: string;
  site: string;
  stop(): Promise<void>;
}

const test = base.extend<{ hosted: Proxy; asked: string[] }>({
  hosted: async ({ baseURL }, use) => {
    const { folder, remove } = await newFolder();
    const proxy = await startProxy(baseURL!, FOLDER, folder);
    await use(proxy);
    await proxy.stop();
    await remove();
  },
  // Every address that a browser requests must be in the folder.
  asked: [
    async ({ people, hosted }, use) => {
      const asked: string[] = [];
      people.onAsking((address) => asked.push(address));
      await use(asked);
      const strays = asked.filter((address) => !address.replace(/^ws/, "http").startsWith(`${hosted.site}/`));
      expect(strays).toEqual([]);
      expect(asked.length).toBeGreaterThan(0);
    },
    { auto: true },
  ],
});

test("in a folder of the host, people start, share, join and talk", async ({ people, hosted, asked }) => {
  const ann = await people.owner("Ann", "Movie night", `${hosted.site}/`);
  expect(ann.page.url()).toContain(`${hosted.site}/chat/`);
  const link = await ann.magicLink();
  expect(link).toContain(`${hosted.site}/join/`);
  const bob = await people.guest(link);
  await bob.say("hello");
  await ann.hasTexts(["hello"]);
  await ann.say("hello yourself");
  await bob.hasTexts(["hello", "hello yourself"]);
  // It arrived by the WebSocket: the page does not say that messages may be late.
  await expect(bob.page.locator(".connection:not(:empty)")).toHaveCount(0);
  expect(asked.filter((address) => address.startsWith("ws"))).not.toEqual([]);
  await bob.page.reload();
  await bob.isReady();
  await bob.hasTexts(["hello", "hello yourself"]);
});

test("in a folder of the host, people knock and are approved", async ({ people, hosted }) => {
  const owner = await people.gatekeeper("Olga", "Ask me", `${hosted.site}/`);
  const waiting = await people.knocker(await owner.magicLink(), "Kim");
  // The decision arrives as a server-sent event.
  await owner.approve("Kim");
  const kim = await waiting.isIn();
  await kim.say("thank you");
  await owner.hasTexts(["thank you"]);
});

test("in a folder of the host, the start page links there and back, and stored data belongs to the folder", async ({ people, hosted }) => {
  const ann = await people.owner("Ann", "Movie night", `${hosted.site}/`);
  await ann.page.getByRole("link", { name: "Watch Party, start page" }).click();
  const home = new HomePage(ann.page);
  await home.isReady();
  expect(ann.page.url()).toBe(`${hosted.site}/`);
  await home.yourChats.getByRole("link", { name: "Movie night" }).click();
  await ann.isReady();
  await ann.page.goBack();
  await home.isReady();
  await ann.page.goForward();
  await ann.isReady();
  // Another site on the host stores its data under other keys.
  const kept = await ann.page.evaluate(() => Object.keys(localStorage));
  expect(kept).not.toEqual([]);
  expect(kept.filter((key) => !key.startsWith(`${FOLDER}watch-party/`))).toEqual([]);
  // The icon that shows unread messages is in the folder too.
  expect(await ann.page.locator("link[rel=icon]").evaluate((icon: HTMLLinkElement) => icon.href)).toBe(
    `${hosted.site}/assets/icon.svg`,
  );
  ann.page.on("dialog", (dialog) => dialog.accept());
  await ann.openPeople();
  await ann.page.getByRole("button", { name: "End chat" }).click();
  await home.isShownBecause(/Everything in it was deleted/);
  expect(ann.page.url()).toBe(`${hosted.site}/?notice=ended`);
  await ann.page.reload();
  await home.isShownBecause(/Everything in it was deleted/);
});

test("a room with passwords works in a folder of the host", async ({ people, hosted, request }) => {
  const { roomid } = await (await request.post(`${hosted.site}/createroom`, { data: { alias: "Book club" } })).json();
  const room = new RoomPage(await people.newcomer());
  await room.page.goto(`${hosted.site}/${roomid}/`);
  await room.isReady();
  expect(room.page.url()).toBe(`${hosted.site}/room/${roomid}`);
  await room.registerAs("Bob", "correct horse");
  const bob = await room.isIn();
  await bob.say("in the folder");
  await bob.hasTexts(["in the folder"]);
});

test("a chatroom works in a folder of the host, and its cookie is limited to the folder", async ({ people, hosted }) => {
  const ann = await people.host("Ann", "Week 3 lab", `${hosted.site}/`);
  const link = await ann.shareLink();
  expect(link).toContain(`${hosted.site}/chatrooms/`);
  const guest = await new SessionPage(await people.newcomer()).open(link);
  const cleo = await guest.enterAs("Cleo");
  await cleo.say("hello");
  await ann.hasTexts(["hello"]);
  // The cookie belongs to nothing else on the host.
  const cookies = await guest.page.context().cookies();
  expect(cookies.map(({ name, path, httpOnly, sameSite }) => ({ name, path, httpOnly, sameSite }))).toEqual([
    { name: "watch-party-session", path: FOLDER, httpOnly: true, sameSite: "Lax" },
  ]);
  await cleo.page.reload();
  await new ChatPage(cleo.page).isReady();
  await cleo.hasTexts(["hello"]);
});

test("wrong addresses and the API page stay in the folder", async ({ people, hosted }) => {
  const page = await people.newcomer();
  const home = new HomePage(page);
  await page.goto(`${hosted.site}/chat/nonsense`);
  await home.isShownBecause(/doesn't exist/);
  await page.goto(`${hosted.site}/chat/00000000-0000-4000-8000-000000000000`);
  await home.isShownBecause(/doesn't exist/);
  expect(page.url()).toBe(`${hosted.site}/?notice=chat_not_found`);
  await page.goto(`${hosted.site}/no/such/page`);
  await page.getByRole("link", { name: "Go to the start page" }).click();
  await home.isReady();
  expect(page.url()).toBe(`${hosted.site}/`);
  await page.getByRole("link", { name: "API" }).click();
  await expect(page.getByText("/{chat_id}/invite").first()).toBeVisible();
  await page.getByRole("link", { name: "Watch Party" }).click();
  await home.isReady();
  // The root of the host does not serve the site.
  expect((await page.request.get(`${hosted.host}/healthz`)).status()).toBe(404);
  expect((await page.request.get(`${hosted.site}/healthz`)).status()).toBe(200);
});
