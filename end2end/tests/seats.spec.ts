// Seats: kept, separate for each chat, lost, and refused.
import type { APIRequestContext } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";

/** Frees a seat, as another program with its token could. */
async function freeSeat(request: APIRequestContext, { id, token, member_id }: Awaited<ReturnType<ChatPage["seat"]>>) {
  const left = await request.delete(`/${id}/members/${member_id}`, { headers: { authorization: `Bearer ${token}` } });
  expect(left.status()).toBe(204);
}

test("three chats in three tabs of one browser do not mix", async ({ people }) => {
  const first = await people.owner("Ann", "One");
  const context = first.page.context();
  const second = await (await new HomePage(await context.newPage()).open()).startChat("Ben", "Two");
  const third = await (await new HomePage(await context.newPage()).open()).startChat("Cem", "Three");
  const chats = [first, second, third];
  for (const [at, chat] of chats.entries()) {
    await chat.say(`said in ${at}`);
  }
  for (const [at, chat] of chats.entries()) {
    await chat.hasTexts([`said in ${at}`]);
    await chat.page.reload();
    await chat.hasTexts([`said in ${at}`]);
  }
  const home = await new HomePage(await context.newPage()).open();
  await expect(home.yourChats.getByRole("listitem")).toHaveCount(3);
  await expect(home.yourChats).toContainText("Your name: Ben");
});

test("two tabs in one chat share a seat", async ({ people }) => {
  const ann = await people.owner();
  const tab = new ChatPage(await ann.page.context().newPage());
  await tab.page.goto(ann.page.url());
  await tab.isReady();
  await tab.say("from the second tab");
  await ann.hasTexts(["from the second tab"]);
  await tab.openPeople();
  await expect(tab.members).toHaveCount(1);
});

test("a reload keeps the seat, and so does following the magic link again", async ({ people }) => {
  const ann = await people.owner();
  const link = await ann.magicLink();
  const bob = await people.guest(link, "Bob");
  await bob.say("I am here");
  await bob.page.reload();
  await bob.isReady();
  await bob.page.goto(link);
  await bob.isReady();
  await bob.say("still");
  await ann.hasTexts(["I am here", "still"]);
  await ann.openPeople();
  await expect(ann.members).toHaveCount(2);
});

test("the username is remembered from chat to chat", async ({ people }) => {
  const ann = await people.owner("Zoë");
  const other = await people.owner("Bob");
  const join = new JoinPage(ann.page);
  await join.open(await other.magicLink());
  await expect(join.username).toHaveValue("Zoë");
  const home = new HomePage(await ann.page.context().newPage());
  await home.open();
  await expect(home.username).toHaveValue("Zoë");
});

test("the start page shows new messages and leads back to the chat", async ({ people }) => {
  const ann = await people.owner("Ann", "Movie night");
  const bob = await people.guest(await ann.magicLink());
  await bob.say("seen");
  await ann.hasTexts(["seen"]);
  await ann.page.goto("/");
  await expect(new HomePage(ann.page).yourChats).toContainText("Nothing new");
  await bob.say("not seen yet");
  await bob.hasTexts(["seen", "not seen yet"]);
  await ann.page.reload();
  const home = new HomePage(ann.page);
  await expect(home.yourChats).toContainText("1 new message");
  await home.yourChats.getByRole("link", { name: "Movie night" }).click();
  await ann.hasTexts(["seen", "not seen yet"]);
});

test("the seventh person is sent to the start page", async ({ people }) => {
  const ann = await people.owner();
  const link = await ann.magicLink();
  for (const name of ["Bob", "Cem", "Dan", "Eve", "Fay"]) {
    await people.guest(link, name);
  }
  const seventh = await people.newcomer();
  await seventh.goto(link);
  await new HomePage(seventh).isShownBecause(/full/);
  await ann.openPeople();
  await expect(ann.members).toHaveCount(6);
});

test("a guest who is too late for a seat is sent from the form to the start page", async ({ people, request }) => {
  const made = await request.post("/create", { data: { capacity: 2 } });
  const { invite } = await made.json();
  const late = await new JoinPage(await people.newcomer()).open(invite.magic_link);
  await people.guest(invite.magic_link, "Bob");
  await late.username.fill("Cem");
  await late.join.click();
  await new HomePage(late.page).isShownBecause(/full/);
});

test("a wrong key, an unknown chat, no key and no invite each lead to the start page", async ({ people }) => {
  const ann = await people.owner();
  const link = await ann.magicLink();
  const page = await people.newcomer();
  const home = new HomePage(page);
  const wrong: [string, RegExp][] = [
    [`${link.slice(0, -5)}AAAAA`, /doesn't work/],
    [`${link.slice(0, -5)}`, /doesn't work/],
    [link.replace(/join\/[0-9a-f-]{8}/, "join/00000000"), /doesn't exist/],
    [link.replace(/#.*/, ""), /need an invite link/],
    [ann.page.url(), /need an invite link/],
    ["/chat/not-a-chat", /doesn't exist/],
    ["/join/not-a-chat#key", /doesn't exist/],
  ];
  for (const [address, reason] of wrong) {
    await page.goto(address);
    await home.isShownBecause(reason);
  }
});

test("a name that is taken is refused at its field, and another one is accepted", async ({ people }) => {
  const ann = await people.owner("Ann");
  const join = await new JoinPage(await people.newcomer()).open(await ann.magicLink());
  await join.username.fill("aNN");
  await join.join.click();
  await expect(join.page.locator("#username-hint")).toContainText("already has that name");
  await expect(join.username).toHaveValue("aNN");
  await join.joinAs("Bob");
});

test("a removed guest can ask to return, and returns when the owner approves", async ({ people }) => {
  const ann = await people.owner("Ann");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  await ann.openPeople();
  await ann.page.getByRole("button", { name: "Remove Bob" }).click();
  await expect(ann.removal("Bob")).toContainText("Bob joined with an invite link. Anyone who has the link, including this person, can still join.");
  await ann.removal("Bob").getByRole("button", { name: "Cancel" }).click();
  await expect(ann.members).toHaveCount(2);
  await ann.remove("Bob");
  await expect(ann.members).toHaveCount(1);
  await ann.log.click();
  await expect(ann.members.first()).toBeHidden();
  await expect(bob.page).toHaveURL(/\/join\/.*notice=removed#/);
  await expect(bob.page.locator(".notice")).toContainText("removed you");
  // Others join with the link at once, but the removed browser must ask.
  const join = new JoinPage(bob.page);
  await join.username.fill("Bob");
  await bob.page.getByRole("button", { name: "Ask to join" }).click();
  await ann.approve("Bob");
  await bob.isReady();
});

test("a guest who was removed and declined does not get in by following the link again", async ({ people }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const bob = await people.guest(link, "Bob");
  await ann.openPeople();
  await ann.remove("Bob");
  await ann.log.click();
  await expect(bob.page).toHaveURL(/notice=removed#/);
  const join = await new JoinPage(bob.page).askAs(link, "Bob");
  await ann.decline("Bob");
  await new HomePage(bob.page).isShownBecause(/declined your request/);
  await join.page.goto(link);
  await join.username.fill("Bob");
  await join.ask.click();
  await new HomePage(bob.page).isShownBecause(/declined your request/);
  await ann.openPeople();
  await expect(ann.members).toHaveCount(1);
});

test("a guest who is removed with their link cannot return with it, and others who joined with it stay", async ({ people, keep }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const bob = await people.guest(link, "Bob");
  const cem = await people.guest(link, "Cem");
  await ann.openPeople();
  await ann.page.getByRole("button", { name: "Remove Bob" }).click();
  await expect(ann.removal("Bob")).toContainText("Also joined with it: Cem.");
  await keep(ann.page, "remove-member");
  await ann.removal("Bob").getByRole("button", { name: "Remove and revoke the link" }).click();
  await new HomePage(bob.page).isShownBecause(/removed you/);
  await new JoinPage(await people.newcomer()).page.goto(link);
  await cem.say("still here");
  await ann.hasTexts(["still here"]);
  await bob.page.goto(link);
  await new HomePage(bob.page).isShownBecause(/doesn't work/);
});

test("a member who leaves is sent to the start page", async ({ people }) => {
  const ann = await people.owner("Ann");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  bob.page.on("dialog", (dialog) => dialog.accept());
  await ann.openPeople();
  await bob.openPeople();
  await bob.page.getByRole("button", { name: "Leave" }).click();
  await new HomePage(bob.page).isShownBecause(/You left/);
  await expect(ann.members).toHaveCount(1);
});

test("when the owner ends a chat, everyone is sent to the start page and nothing of the chat is left", async ({ people }) => {
  const ann = await people.owner("Ann");
  const address = ann.page.url();
  const bob = await people.guest(await ann.magicLink(), "Bob");
  ann.page.on("dialog", (dialog) => dialog.accept());
  await ann.openPeople();
  await ann.page.getByRole("button", { name: "End chat" }).click();
  await new HomePage(ann.page).isShownBecause(/has ended/);
  await new HomePage(bob.page).isShownBecause(/That chat has ended/);
  await ann.page.goto(address);
  await new HomePage(ann.page).isShownBecause(/doesn't exist/);
});

test("a session that has ended while the page was closed leads to the join form", async ({ people, request }) => {
  const ann = await people.owner("Ann");
  const seat = await ann.seat();
  await ann.page.goto("about:blank");
  await freeSeat(request, seat);
  await ann.page.goto("/");
  const home = new HomePage(ann.page);
  await expect(home.yourChats).toContainText("You've left this chat automatically");
  await ann.page.goto(`/chat/${seat.id}`);
  await expect(ann.page).toHaveURL(/\/join\/.*notice=session_expired#/);
});

test("a guest who returns with an ended session is refused at most once, and sent to the join form", async ({ people, request }) => {
  const ann = await people.owner("Ann");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  await bob.say("back in an hour");
  await ann.hasTexts(["back in an hour"]);
  const seat = await bob.seat();
  await bob.page.goto("about:blank");
  await freeSeat(request, seat);
  const refused: string[] = [];
  bob.page.on("console", (message) => {
    if (message.text().includes("401")) {
      refused.push(`${message.text()} ${message.location().url}`);
    }
  });
  await bob.page.goto(`/chat/${seat.id}`);
  await expect(bob.page).toHaveURL(/\/join\/.*notice=session_expired#/);
  const join = new JoinPage(bob.page);
  await join.isReady();
  expect(refused.length, refused.join("\n")).toBeLessThanOrEqual(1);
  // No page asks again for what it already knows.
  const home = await new HomePage(bob.page).open();
  await expect(home.yourChats).toContainText("You've left this chat automatically");
  await home.yourChats.getByRole("link", { name: "Movie night" }).click();
  await join.isReady();
  expect(refused.length, refused.join("\n")).toBeLessThanOrEqual(1);
  await (await join.joinAs("Bob")).hasTexts(["back in an hour"]);
});

test("messages that wait to be sent when a seat is lost are sent from the next one", async ({ people, request }) => {
  const ann = await people.owner("Ann");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  await bob.page.context().setOffline(true);
  await bob.say("written in the tunnel");
  await expect(bob.page.getByText("Sending…")).toBeVisible();
  await freeSeat(request, await bob.seat());
  await bob.page.context().setOffline(false);
  await expect(bob.page).toHaveURL(/\/join\/.*notice=session_expired#/);
  const join = new JoinPage(bob.page);
  await join.isReady();
  await join.joinAs("Bob");
  await ann.hasTexts(["written in the tunnel"]);
  await bob.hasTexts(["written in the tunnel"]);
});

test("a message that was sent before a seat was lost is not sent again from the next one", async ({ people, request }) => {
  const ann = await people.owner("Ann");
  const bob = await people.guest(await ann.magicLink(), "Bob");
  await bob.page.routeWebSocket(/\/live/, (socket) => socket.close());
  await bob.page.reload();
  await bob.isReady();
  // The server has the message, its response is lost, and nothing else tells the page that it arrived.
  await bob.page.route(/\?after=/, (route) => route.abort());
  await bob.page.route("**/sf/post_message", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await bob.say("said once");
  await ann.hasTexts(["said once"]);
  await freeSeat(request, await bob.seat());
  await bob.page.unrouteAll({ behavior: "ignoreErrors" });
  await expect(bob.page).toHaveURL(/\/join\/.*notice=session_expired#/);
  const join = new JoinPage(bob.page);
  await join.isReady();
  await join.joinAs("Bob");
  await bob.hasTexts(["said once"]);
  await expect(bob.page.getByText("Sending…")).toHaveCount(0);
  await bob.say("and more");
  await ann.hasTexts(["said once", "and more"]);
});

test("a chat works in a browser that stores nothing, as long as the tab is open", async ({ people }) => {
  const page = await people.newcomer();
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  const ann = await (await new HomePage(page).open()).startChat("Ann");
  const bob = await people.guest(await ann.magicLink());
  await ann.say("one");
  await ann.say("two");
  await bob.hasTexts(["one", "two"]);
  await ann.hasTexts(["one", "two"]);
});

test("a page still works after someone leaves it while a response is on its way", async ({ people }) => {
  const ann = await people.owner("Ann", "Movie night");
  await ann.page.route("**/sf/post_message", async (route) => {
    const response = await route.fetch();
    await ann.page.getByRole("link", { name: /start page/ }).click();
    await expect(ann.page).toHaveURL(/\/$/);
    await route.fulfill({ response });
  });
  await ann.say("on its way");
  const home = new HomePage(ann.page);
  await home.isReady();
  await home.yourChats.getByRole("link", { name: "Movie night" }).click();
  await ann.hasTexts(["on its way"]);
});
