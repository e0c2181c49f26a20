// Chats whose members have a password.
import { expect, test } from "../fixtures.ts";
import { HomePage } from "../pages/home.ts";
import { RoomPage } from "../pages/room.ts";
import type { People } from "../people.ts";

test("a room, from its creation to a conversation", async ({ people, request }) => {
  const { roomid } = await (await request.post("/createroom", { data: { alias: "Bob and Al's room" } })).json();
  const bob = new RoomPage(await people.newcomer());
  await bob.page.goto(`/${roomid}/`);
  await bob.isReady();
  await bob.registerAs("Bob", "correct horse", "correct house");
  await expect(bob.page.getByText("The passwords don't match.")).toBeVisible();
  await bob.registerAs("Bob", "short");
  await expect(bob.page.getByText(/at least 8 characters/).first()).toBeVisible();
  await bob.registerAs("Bob", "correct horse");
  const chat = await bob.isIn();
  await expect(chat.page.getByRole("heading", { name: "Bob and Al's room" })).toBeVisible();
  const al = new RoomPage(await people.newcomer());
  await al.page.goto(`/${roomid}/`);
  await al.isReady();
  await al.registerAs("bob", "another horse");
  await expect(al.page.getByText(/already has that name/)).toBeVisible();
  await al.registerAs("Al", "another horse");
  const other = await al.isIn();
  await chat.say("what's going on?");
  await other.say("Not much, things are good.");
  await chat.hasTexts(["what's going on?", "Not much, things are good."]);
  const lines = await (await request.get(`/${roomid}/get_conversation`)).json();
  expect(lines.map((line: string) => line.replace(/^\d\d-\d\d-\d\d \d\d:\d\d:\d\d /, ""))).toEqual([
    "<Bob> what's going on?",
    "<Al> Not much, things are good.",
  ]);
});

/** A room that Ann has created on the page, and its link. */
async function bookClub(people: People) {
  const home = await new HomePage(await people.newcomer()).open();
  const ann = await home.startChat("Ann", "Book club", "Members with a password");
  await ann.openInvite();
  const input = ann.page.getByLabel("Link to the chat");
  await expect(input).toHaveValue(/\/room\/[0-9a-f-]{36}$/);
  const link = await input.inputValue();
  await ann.page.keyboard.press("Escape");
  return { ann, link };
}

test("a member uses several browsers at once, and logs one of them out", async ({ people }) => {
  const { ann, link } = await bookClub(people);
  const first = await new RoomPage(await people.newcomer()).open(link);
  await first.registerAs("Bob", "correct horse");
  const bob = await first.isIn();
  await bob.say("from the desk");
  await bob.page.reload();
  await bob.isReady();
  const phone = await new RoomPage(await people.newcomer()).open(link);
  await phone.logInAs("Bob", "incorrect horse");
  await expect(phone.page.getByText("The username or the password is wrong.")).toBeVisible();
  await phone.logInAs("Bob", "correct horse");
  const again = await phone.isIn();
  await again.say("from the phone");
  await bob.hasTexts(["from the desk", "from the phone"]);
  await bob.say("and from the desk");
  await ann.hasTexts(["from the desk", "from the phone", "and from the desk"]);
  await ann.openPeople();
  await expect(ann.members).toHaveCount(2);
  await again.openPeople();
  await expect(again.sessions).toHaveText([/^Another browser/, /^This browser/]);
  await again.sessions.first().getByRole("button", { name: /Log out/ }).click();
  await expect(again.sessions).toHaveText([/^This browser/]);
  // The browser at the desk says why it is logged out, and shows the login form.
  await first.isReady();
  await expect(bob.page.locator(".notice")).toContainText("logged out");
  await first.logInAs("Bob", "correct horse");
  await first.isIn();
  // Logging out in one browser leaves the other logged in.
  again.page.once("dialog", (dialog) => dialog.accept());
  await again.page.getByRole("button", { name: "Log out", exact: true }).click();
  await new HomePage(again.page).isShownBecause(/logged out/);
  await bob.say("still here");
  await expect(ann.message("still here")).toBeVisible();
  await expect(ann.members).toHaveCount(2);
});

test("a room's creator logs in from another browser, and is the owner there too", async ({ people }) => {
  const { ann, link } = await bookClub(people);
  const laptop = await new RoomPage(await people.newcomer()).open(link);
  await laptop.logInAs("Ann", "correct horse");
  const again = await laptop.isIn();
  await again.say("from the laptop");
  await ann.hasTexts(["from the laptop"]);
  // Neither page takes the seat from the other.
  await ann.say("from where it was made");
  await again.hasTexts(["from the laptop", "from where it was made"]);
  await again.openPeople();
  await expect(again.members).toHaveText([/Ann \(you, owner\)/]);
  await expect(again.page.getByRole("button", { name: "End chat" })).toBeVisible();
});

test("a visitor of a room reads the messages beside the form", async ({ people, request }) => {
  const { roomid } = await (await request.post("/createroom", { data: { alias: "Bob and Al's room" } })).json();
  const bob = await new RoomPage(await people.newcomer()).open(`/room/${roomid}`);
  await bob.registerAs("Bob", "correct horse");
  const chat = await bob.isIn();
  await chat.say("what's going on?");
  const visitor = new RoomPage(await people.newcomer());
  await visitor.page.goto(`/${roomid}/`);
  await visitor.isReady();
  await expect(visitor.page.getByRole("heading", { name: "Bob and Al's room" })).toBeVisible();
  await expect(visitor.messages).toHaveText(["what's going on?"], { useInnerText: false });
  // The next message appears without a reload.
  await chat.say("Not much.");
  await expect(visitor.messages).toHaveText(["what's going on?", "Not much."], { useInnerText: false });
  await expect(visitor.page.getByRole("textbox", { name: "Message" })).toHaveCount(0);
  // A room that only members can read shows its name, but no messages.
  const { link } = await bookClub(people);
  const outside = await new RoomPage(await people.newcomer()).open(link);
  await expect(outside.page.getByRole("heading", { name: "Book club" })).toBeVisible();
  await expect(outside.page.getByRole("log")).toHaveCount(0);
});

test("a room's creator can let anyone read the messages", async ({ people }) => {
  const home = await new HomePage(await people.newcomer()).open();
  await home.choose("Members with a password");
  await home.page.getByLabel("Let anyone with the chat's link read it").check();
  const ann = await home.startChat("Ann", "Open book club", "Members with a password");
  await ann.say("for all to read");
  const { id } = await ann.seat();
  const visitor = await new RoomPage(await people.newcomer()).open(`/room/${id}`);
  await expect(visitor.messages).toHaveText(["for all to read"], { useInnerText: false });
});

test("an eleventh browser can log out the first of the others", async ({ people, request }) => {
  const { roomid } = await (await request.post("/createroom", { data: { alias: "Book club" } })).json();
  const account = { username: "Bob", password: "correct horse" };
  await request.post(`/${roomid}/register`, { data: account });
  for (let browser = 0; browser < 10; browser += 1) {
    await request.post(`/${roomid}/login`, { data: account });
  }
  const room = await new RoomPage(await people.newcomer()).open(`/room/${roomid}`);
  await room.logInAs(account.username, account.password);
  await expect(room.page.getByText(/logged in on 10 browsers/)).toBeVisible();
  await room.page.getByRole("button", { name: "Log out the browser that logged in first, and log in here" }).click();
  const chat = await room.isIn();
  await chat.openPeople();
  await expect(chat.sessions).toHaveCount(10);
});
