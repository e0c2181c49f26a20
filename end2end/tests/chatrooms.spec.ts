// Chats that anyone who picks a name can enter, with one name for a browser in all of them.
import { expect, test } from "../fixtures.ts";
import { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";
import { RoomPage } from "../pages/room.ts";
import { SessionPage } from "../pages/session.ts";

test("one person creates a chatroom and picks a name, and another joins with the link in a private window", async ({ people }) => {
  const home = await new HomePage(await people.newcomer()).open();
  const asked = await home.startChatroom("Week 3 lab");
  await asked.isReady();
  const ann = await asked.enterAs("Ann");
  await expect(ann.page.getByRole("heading", { name: "Week 3 lab" })).toBeVisible();
  await ann.say("is this on?");
  await ann.hasTexts(["is this on?"]);
  const link = await ann.shareLink();
  // The same browser in another tab is the same person.
  const tab = new ChatPage(await ann.page.context().newPage());
  await tab.page.goto(link);
  await tab.isReady();
  await tab.hasTexts(["is this on?"]);
  await tab.openPeople();
  await expect(tab.members).toHaveText([/Ann \(you/]);
  const guest = await new SessionPage(await people.newcomer()).open(link);
  const bob = await guest.enterAs("Bob");
  await bob.hasTexts(["is this on?"]);
  await bob.say("loud and clear");
  await ann.hasTexts(["is this on?", "loud and clear"]);
  await tab.hasTexts(["is this on?", "loud and clear"]);
  await expect(tab.members).toHaveCount(2);
});

test("a browser has one name in all chatrooms, until it picks another", async ({ people }) => {
  const ann = await people.host("Ann", "First");
  const other = await people.host("Bob", "Second");
  const link = await other.shareLink();
  await ann.page.goto(link);
  const again = new ChatPage(ann.page);
  await again.isReady();
  await again.say("hello from Ann");
  await expect(other.message("hello from Ann")).toContainText("Ann");
  const home = await new HomePage(ann.page).open();
  await expect(home.yourChats.getByRole("link")).toHaveText(["Second", "First"]);
  await expect(home.page.getByText("your name is Ann")).toBeVisible();
  await home.page.getByRole("link", { name: "Change my name" }).click();
  const renamed = new SessionPage(home.page);
  await expect(renamed.goOn).toBeEnabled();
  await renamed.say("Anna");
  await expect(home.page.getByText("your name is Anna")).toBeVisible();
  // The others see the new name too, without doing anything.
  await other.openPeople();
  await expect(other.members).toHaveText([/Bob/, /^\s*Anna/]);
  await home.yourChats.getByRole("link", { name: "First" }).click();
  await again.isReady();
  await again.openPeople();
  await expect(again.members).toHaveText([/Anna \(you/]);
  await again.page.goto("/");
  const third = await (await home.startChatroom("Third")).isIn();
  await third.openPeople();
  await expect(third.members).toHaveText([/Anna \(you/]);
});

test("a visitor whose name is taken can pick another at once", async ({ people }) => {
  const ann = await people.host("Ann");
  const guest = await new SessionPage(await people.newcomer()).open(await ann.shareLink());
  await guest.say("ＡＮＮ");
  await expect(guest.page.getByText(/already has that name/)).toBeVisible();
  const other = await guest.enterAs("Ben");
  await other.say("hello");
  await ann.hasTexts(["hello"]);
  // A browser that already has a name is told that the name is taken there.
  const elsewhere = await people.host("Ann", "Elsewhere");
  await elsewhere.page.goto(await ann.shareLink());
  const asked = new SessionPage(elsewhere.page);
  await asked.isReady();
  await expect(asked.page.locator(".notice")).toContainText("already has your name");
  await asked.enterAs("Cleo");
});

test("a removed guest does not enter again automatically", async ({ people }) => {
  const ann = await people.host("Ann");
  const guest = await new SessionPage(await people.newcomer()).open(await ann.shareLink());
  const bob = await guest.enterAs("Bob");
  await bob.say("hello");
  await ann.hasTexts(["hello"]);
  await ann.openPeople();
  await ann.remove("Bob");
  await guest.isReady();
  await expect(guest.page.locator(".notice")).toContainText("removed you");
  await expect(ann.members).toHaveCount(1);
  // Picking the same name again does not help either.
  await guest.username.fill("Bob");
  await guest.username.press("Enter");
  await new HomePage(guest.page).isShownBecause(/removed you/);
  await expect(ann.members).toHaveCount(1);
});

test("the address of another kind of chat, or of none, leads to the start page", async ({ people, request }) => {
  const ann = await people.host("Ann");
  const created = await (await request.post("/create", { data: {} })).json();
  const home = new HomePage(ann.page);
  await ann.page.goto(`/chatrooms/${created.chat_id}/`);
  await home.isShownBecause(/can't be joined this way/);
  await ann.page.goto("/chatrooms/00000000-0000-4000-8000-000000000000/");
  await home.isShownBecause(/doesn't exist/);
  const { hash_key } = await (
    await request.post("/chats", { data: { name: "Small", capacity: 1 } })
  ).json();
  const first = await new SessionPage(await people.newcomer()).open(`/chatrooms/${hash_key}/`);
  await first.enterAs("Cleo");
  await ann.page.goto(`/chatrooms/${hash_key}/`);
  await expect(ann.page.getByText("Every seat in this chat is taken")).toBeVisible();
});

test("a visitor of a full chatroom reads the messages, and enters when a seat is free", async ({ people, request }) => {
  const { hash_key } = await (await request.post("/chats", { data: { name: "Small", capacity: 1 } })).json();
  const link = `/chatrooms/${hash_key}/`;
  const first = await (await new SessionPage(await people.newcomer()).open(link)).enterAs("Cleo");
  await first.say("nobody else fits in");
  const late = await new SessionPage(await people.newcomer()).open(link);
  await late.page.clock.install();
  await late.say("Dan");
  await expect(late.page.getByText("Every seat in this chat is taken")).toBeVisible();
  const reading = new ChatPage(late.page);
  await reading.hasTexts(["nobody else fits in"]);
  await expect(reading.box).toHaveCount(0);
  await first.say("but some read along");
  await late.page.clock.runFor(3_000);
  await reading.hasTexts(["nobody else fits in", "but some read along"]);
  await first.openPeople();
  first.page.once("dialog", (dialog) => dialog.accept());
  await first.page.getByRole("button", { name: "Leave" }).click();
  await new HomePage(first.page).isReady();
  await late.page.clock.runFor(25_000);
  await reading.isReady();
  await reading.say("in at last");
});

test("a name that is changed in one chatroom changes in the others too", async ({ people }) => {
  const ann = await people.host("Ann", "First");
  const bob = await (await new SessionPage(await people.newcomer()).open(await ann.shareLink())).enterAs("Bob");
  const elsewhere = await people.host("Cleo", "Second");
  await bob.page.goto(await elsewhere.shareLink());
  await bob.isReady();
  await bob.openPeople();
  await bob.page.getByRole("link", { name: "Change my name" }).click();
  const asked = new SessionPage(bob.page);
  await asked.isReady();
  // In one of the chatrooms someone else has that name, so it changes in none.
  await asked.say("Ann");
  await expect(asked.page.getByText(/“First” already has that name/)).toBeVisible();
  await (await asked.enterAs("Bobby")).say("me again");
  for (const chat of [ann, elsewhere]) {
    await chat.openPeople();
    await expect(chat.members.filter({ hasText: "Bobby" })).toHaveCount(1);
  }
  await expect(elsewhere.message("me again")).toContainText("Bobby");
});

test("a chat has the number of seats and of messages that its creator chose", async ({ people }) => {
  const home = await new HomePage(await people.newcomer()).open();
  const more = home.page.locator("summary", { hasText: "More options" });
  const seats = home.page.getByLabel("Seats");
  await more.click();
  await seats.fill("51");
  await more.click();
  await expect(seats).toBeHidden();
  await home.username.fill("Ann");
  await home.start.click();
  // The wrong field is shown, although it was hidden.
  await expect(seats).toBeFocused();
  await seats.fill("2");
  await home.page.getByLabel("Messages kept").fill("3");
  const ann = await home.startChat("Ann", "Small");
  const link = await ann.magicLink();
  await people.guest(link);
  await ann.openPeople();
  await expect(ann.page.locator("summary", { hasText: "People" })).toContainText("2 of 2");
  for (const text of ["one", "two", "three", "four"]) {
    await ann.say(text);
  }
  await ann.page.reload();
  await ann.isReady();
  await ann.hasTexts(["two", "three", "four"]);
  const late = await people.newcomer();
  await late.goto(link);
  await new HomePage(late).isShownBecause(/full/);
});

test("the page shows no more messages than the chat keeps, even if it learns that number late", async ({ people }) => {
  const home = await new HomePage(await people.newcomer()).open();
  await home.page.locator("summary", { hasText: "More options" }).click();
  await home.page.getByLabel("Messages kept").fill("3");
  const ann = await home.startChat("Ann");
  let tell = () => {};
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  await ann.page.route(/\/members$/, async (route) => {
    await told;
    await route.continue();
  });
  await ann.page.reload();
  await ann.isReady();
  for (const text of ["one", "two", "three", "four"]) {
    await ann.say(text);
  }
  await ann.hasTexts(["one", "two", "three", "four"]);
  tell();
  await ann.hasTexts(["two", "three", "four"]);
});

test("one browser is in four chats of the four kinds at once", async ({ people, request }) => {
  const page = await people.newcomer();
  const home = await new HomePage(page).open();
  // Her own, with a magic link.
  await home.startChat("Ann", "By link");
  // One in which an owner approved her.
  const owner = await people.gatekeeper("Olga", "By knocking");
  const waiting = await new JoinPage(page).askAs(await owner.magicLink(), "Ann");
  await owner.approve("Ann");
  await waiting.isIn();
  // One with a password.
  const { roomid } = await (await request.post("/createroom", { data: { alias: "By password" } })).json();
  const room = await new RoomPage(page).open(`/room/${roomid}`);
  await room.registerAs("Ann", "correct horse");
  await room.isIn();
  // And one that she enters by its address.
  const host = await people.host("Hugo", "By address");
  const asked = await new SessionPage(page).open(await host.shareLink());
  const last = await asked.enterAs("Ann");
  await last.say("in all four");
  await host.hasTexts(["in all four"]);
  await home.open();
  const names = ["By address", "By password", "By knocking", "By link"];
  await expect(home.yourChats.getByRole("link")).toHaveText(names);
  await expect(home.yourChats.getByText("you stay until")).toHaveCount(4);
  // Each link opens its chat, and she can post in each.
  for (const name of names) {
    await home.open();
    await home.yourChats.getByRole("link", { name }).click();
    const chat = new ChatPage(page);
    await chat.isReady();
    await expect(page.getByRole("heading", { name })).toBeVisible();
    await chat.say(`here, ${name.toLowerCase()}`);
    await expect(chat.message(`here, ${name.toLowerCase()}`)).toBeVisible();
  }
});
