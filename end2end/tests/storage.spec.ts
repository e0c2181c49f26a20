// The browser's storage holds what no version of the page has written there, because a person, another program or
// another version has.
import { expect, test } from "../fixtures.ts";
import { HomePage } from "../pages/home.ts";

const ID = "2eaf4767-9975-4773-b7c7-817e60ce2bfb";
const SEAT = {
  token: "x",
  member_id: ID,
  username: "Ann",
  role: "owner",
  name: null,
  expires_at: "2026-11-21T00:53:41.042Z",
  key: null,
};

/** Values for any key: no JSON, JSON of other types, and seats that are almost right. */
const VALUES = [
  "", "{", "nonsense", "\u0000", "null", "true", "-1", "1e400", "[]", "{}", '"\ud83d"', '"<img src=x onerror=alert(1)>"',
  JSON.stringify("x".repeat(100_000)),
  JSON.stringify(SEAT),
  ...[
    { expires_at: "9999-12-31T23:59:59-23:59" },
    { expires_at: "0000-01-01T00:00:00+23:59" },
    { expires_at: 7 },
    { token: null },
    { token: "\u0000\n" },
    { username: { a: 1 } },
    { role: "king" },
    { admission: "open", cursor: -1 },
    { cursor: 2 ** 60, given_at: 1e300 },
    { key: "../../..#?", recovery_code: "x", is_refused: true },
  ].map((wrong) => JSON.stringify({ ...SEAT, ...wrong })),
];

const KEYS = ["username", "alerts", "session", `chat/${ID}`, "chat/nonsense", `join/${ID}`, `knock/${ID}`, `outbox/${ID}/${ID}`];

test("pages work whatever the browser has stored under their keys", async ({ people }) => {
  const ann = await people.owner();
  const link = await ann.magicLink();
  const { id } = await ann.seat();
  const page = await people.newcomer();
  // Another document of the site, which stores nothing itself.
  const blank = "/robots.txt";
  await page.goto(blank);
  for (const value of VALUES) {
    for (const [address, chat] of [["/", ID], [link, id], [`/chat/${id}`, id], [`/sessions/new?chatroom=${id}`, id]]) {
      const entries = KEYS.map((key) => [`watch-party/${key.replaceAll(ID, chat)}`, value]);
      await page.evaluate((entries) => {
        localStorage.clear();
        entries.forEach(([key, value]) => localStorage.setItem(key, value));
      }, entries);
      await page.goto(address);
      await expect(page.locator("[data-hydration=done] body")).toHaveCount(1);
      // The page may be on its way to another one.
      await expect(() => page.goto(blank)).toPass();
    }
  }
  await page.evaluate(() => localStorage.clear());
  const home = await new HomePage(page).open();
  const chat = await home.startChat("Bob");
  await chat.say("still here");
  await chat.hasTexts(["still here"]);
});
