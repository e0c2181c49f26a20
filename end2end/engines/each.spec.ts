// What people do in a chat, in Firefox and in WebKit.
import { startHolding } from "../holding.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";
import { RoomPage } from "../pages/room.ts";
import { SessionPage } from "../pages/session.ts";
import { newFolder, startServer } from "../server.ts";
import { expect, test } from "./fixtures.ts";
import { asEnginePage } from "./page.ts";

for (const folder of ["", "/some/path"]) {
  test.describe(folder ? "in a folder of the host" : "at the root of the host", () => {
    test.use({ folder });

    test("two people talk in two scripts, see each other type, and keep their seats", async ({ people }) => {
      const ann = await people.owner("נועה", "نادي السينما");
      const bob = await people.guest(await ann.magicLink(), "王小明");
      await expect(bob.page.getByRole("heading", { name: "نادي السينما" })).toBeVisible();
      const texts = ["مرحبا بالعالم", "你好 𠮷, hello 👩🏽‍🚀"];
      await ann.say(texts[0]);
      await bob.hasTexts(texts.slice(0, 1));
      await bob.say(texts[1]);
      await ann.hasTexts(texts);
      await expect(bob.message(texts[0]).locator(".author")).toHaveText("נועה");
      await ann.box.pressSequentially("Shall we");
      await expect(bob.typing).toHaveText("נועה is typing…");
      await expect(ann.typing).toBeEmpty();
      await ann.box.press("Enter");
      texts.push("Shall we");
      await bob.hasTexts(texts);
      await expect(bob.typing).toBeEmpty();
      for (const person of [ann, bob]) {
        await person.page.reload();
        await person.isReady();
        await person.hasTexts(texts);
      }
      await bob.say("still here");
      await ann.hasTexts([...texts, "still here"]);
      // It arrived at once: neither page says that messages may be late.
      await expect(ann.page.locator(".connection:not(:empty)")).toHaveCount(0);
      await expect(bob.page.locator(".connection:not(:empty)")).toHaveCount(0);
    });

    test("a chat is started and joined before the page is hydrated", async ({ people, site }) => {
      const { origin } = new URL(site);
      const [forAnn, forBob] = [await startHolding(origin), await startHolding(origin)];
      const openEarly = async (address: string, from: string) => {
        const page = await people.newcomer();
        const { pathname, hash } = new URL(address);
        // `goto` would wait for the files that are held back.
        await asEnginePage(page).tab.evaluate(`void (location.href = ${JSON.stringify(from + pathname + hash)})`);
        await expect(page.locator("[data-hydration=loading] body")).toHaveCount(1);
        return page;
      };
      const home = new HomePage(await openEarly(`${site}/`, forAnn.site));
      await home.choose("Ask me first");
      await home.username.fill("Ann");
      await home.start.click();
      await expect(home.page).toHaveURL(/\/chat\//);
      forAnn.release();
      const ann = new ChatPage(home.page);
      await ann.isReady();
      const join = new JoinPage(await openEarly(await ann.magicLink(), forBob.site));
      await join.username.fill("Bob");
      await join.join.click();
      await expect(ann.knocks).toContainText("Bob wants to join");
      forBob.release();
      await expect(join.waiting).toBeVisible();
      await ann.approve("Bob");
      const bob = await join.isIn();
      await bob.say("hello");
      await ann.hasTexts(["hello"]);
      await forAnn.stop();
      await forBob.stop();
    });

    test("an owner approves one guest and declines another", async ({ people }) => {
      const ann = await people.gatekeeper("Ann");
      const link = await ann.magicLink();
      const bob = await people.knocker(link, "Bob");
      const eve = await people.knocker(link, "Eve");
      await expect(ann.knocks.getByRole("listitem")).toHaveCount(2);
      await ann.decline("Eve");
      await new HomePage(eve.page).isShownBecause(/declined your request/);
      await expect(ann.knocks.getByRole("listitem")).toHaveCount(1);
      await ann.approve("Bob");
      const guest = await bob.isIn();
      await guest.say("thank you");
      await ann.hasTexts(["thank you"]);
      await expect(ann.knocks).toBeHidden();
    });

    test("members register with a password, and log in with it from another browser", async ({ people }) => {
      const home = await new HomePage(await people.newcomer()).open();
      const ann = await home.startChat("Ann", "Book club", "Members with a password");
      await ann.openInvite();
      const input = ann.page.getByLabel("Link to the chat");
      await expect(input).toHaveValue(/\/room\/[0-9a-f-]{36}$/);
      const link = await input.inputValue();
      const first = await new RoomPage(await people.newcomer()).open(link);
      await first.registerAs("Bob", "correct horse");
      const bob = await first.isIn();
      await bob.say("from the desk");
      const phone = await new RoomPage(await people.newcomer()).open(link);
      await phone.logInAs("Bob", "incorrect horse");
      await expect(phone.page.getByText("The username or the password is wrong.")).toBeVisible();
      await phone.logInAs("Bob", "correct horse");
      const again = await phone.isIn();
      await again.say("from the phone");
      await ann.hasTexts(["from the desk", "from the phone"]);
      // Neither browser takes the seat from the other.
      await bob.hasTexts(["from the desk", "from the phone"]);
      await bob.say("and from the desk again");
      await again.hasTexts(["from the desk", "from the phone", "and from the desk again"]);
    });

    test("people enter a chatroom by its address, and each browser has its own name", async ({ people }) => {
      const ann = await people.host("Ann", "Week 3 lab");
      const link = await ann.shareLink();
      const page = await people.newcomer();
      // It shares nothing with the other browser, neither storage nor cookies.
      const home = await new HomePage(page).open();
      await expect(home.yourChats).toBeHidden();
      expect(await page.evaluate(() => localStorage.length)).toBe(0);
      const bob = await (await new SessionPage(page).open(link)).enterAs("Bob");
      await bob.say("loud and clear");
      await ann.hasTexts(["loud and clear"]);
      await ann.say("good");
      await ann.page.reload();
      await ann.isReady();
      await ann.hasTexts(["loud and clear", "good"]);
      await bob.hasTexts(["loud and clear", "good"]);
      await expect(ann.message("loud and clear").locator(".author")).toHaveText("Bob");
    });
  });
}

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
    await expect(ann.page.getByText("Sending…")).toBeVisible();
    server = await startServer(folder, Number(new URL(site).port));
    await bob.hasTexts(["before", "while it was down"]);
    await ann.hasTexts(["before", "while it was down"]);
    await expect(bob.page.getByText("Not connected")).toBeHidden();
    await bob.say("after");
    await ann.hasTexts(["before", "while it was down", "after"]);
  } finally {
    await server.stop();
    await remove();
  }
});

test("a message written offline is sent once, when the connection is back", async ({ people, engineName }) => {
  test.skip(engineName === "webkit", "its driver cannot go offline");
  const ann = await people.owner();
  const bob = await people.guest(await ann.magicLink());
  const connection = asEnginePage(ann.page);
  await connection.setOffline(true);
  await expect(ann.page.getByText("Not connected")).toBeVisible();
  await ann.say("from the tunnel");
  await expect(ann.page.getByText("Sending…")).toBeVisible();
  await connection.setOffline(false);
  await bob.hasTexts(["from the tunnel"]);
  await ann.hasTexts(["from the tunnel"]);
  await expect(ann.page.getByText("Sending…")).toBeHidden();
});

test("the message box grows with its text, and shrinks when the text is sent", async ({ people }) => {
  const ann = await people.owner("Ann");
  const height = () => ann.page.evaluate(() => document.querySelector("textarea")!.clientHeight);
  const small = await height();
  await ann.box.fill("one\ntwo\nthree\nfour");
  await expect.poll(height).toBeGreaterThan(2 * small);
  await ann.boxIsOnScreen();
  await ann.box.press("Enter");
  await ann.hasTexts(["one two three four"]);
  await expect.poll(height).toBe(small);
});

test("what a page tries against its Content-Security-Policy is noted, and fails every other test", async ({ people }) => {
  const { page } = await new HomePage(await people.newcomer()).open();
  const { tab } = asEnginePage(page);
  expect(tab.broken).toEqual([]);
  await tab.evaluate(`document.body.append(Object.assign(document.createElement("script"), { text: "0" }))`);
  await expect
    .poll(async () => {
      await tab.evaluate("0");
      return tab.broken.join();
    })
    .toContain("script-src");
  tab.broken.length = 0;
});

// WebKit's browser cannot make its window narrower than 447 pixels.
for (const [screen, viewport] of Object.entries({ desktop: { width: 1280, height: 800 }, phone: { width: 447, height: 839 } })) {
  test.describe(`on a ${screen}`, () => {
    test.use({ viewport });

    test("every page is saved as a picture, and the message box is on the screen", async ({ people, keep }) => {
      const newcomer = await people.newcomer();
      await new HomePage(newcomer).open();
      await keep(newcomer, `home-first-${screen}`);
      const ann = await people.gatekeeper("Ann", "Movie night");
      const link = await ann.magicLink();
      const asking = await people.knocker(link, "Bob");
      await people.knocker(link, "王小明");
      await keep(asking.page, `wait-${screen}`);
      await expect(ann.knocks.getByRole("listitem")).toHaveCount(2);
      await keep(ann.page, `knocks-${screen}`);
      await ann.approve("Bob");
      await expect(ann.knocks.getByRole("listitem")).toHaveCount(1);
      await ann.decline("王小明");
      const bob = await asking.isIn();
      await expect(ann.knocks).toBeHidden();
      await ann.say("Shall we watch it at eight?");
      await ann.say("I have popcorn 🍿 and this: https://example.org/trailer");
      await bob.say("Eight is good. I might be five minutes late, so start with the trailers and keep me a seat next to the window.");
      await bob.say("مرحبا، أراكم هناك");
      await expect(ann.messages).toHaveCount(4);
      await ann.boxIsOnScreen();
      await keep(ann.page, `chat-${screen}`);
      await ann.openInvite();
      await ann.makeLink({ label: "for the neighbours", uses: 3, life: "1 day" });
      await keep(ann.page, `share-${screen}`);
      await ann.openPeople();
      await expect(ann.members).toHaveCount(2);
      await keep(ann.page, `people-${screen}`);
      await ann.openKept();
      await expect(ann.kept).toContainText("4 of at most 30");
      await keep(ann.page, `kept-${screen}`);
      await ann.page.goto("/?notice=chat_full");
      const home = new HomePage(ann.page);
      await home.isReady();
      await expect(home.yourChats).toContainText("Movie night");
      await keep(ann.page, `home-${screen}`);
    });

    test("the pages that ask for a name are saved as pictures", async ({ people, keep }) => {
      const ann = await people.owner("Ann");
      const page = await people.newcomer();
      await page.goto(await ann.magicLink());
      await expect(page.getByRole("button", { name: "Join", exact: true })).toBeEnabled();
      await keep(page, `join-${screen}`);
      const home = await new HomePage(page).open();
      const asked = await home.startChatroom("Week 3 lab");
      await asked.isReady();
      await keep(page, `your-name-${screen}`);
      const room = await asked.enterAs("Ann");
      await room.shareLink();
      await room.boxIsOnScreen();
      await keep(page, `chatroom-${screen}`);
      await page.goto("/nothing/here");
      await keep(page, `not-found-${screen}`);
      await page.goto("/docs");
      await keep(page, `docs-${screen}`);
    });
  });
}
