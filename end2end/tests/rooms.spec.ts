// Chats whose members have a password.
import { expect, test } from "../fixtures.ts";
import { HomePage } from "../pages/home.ts";
import { RoomPage } from "../pages/room.ts";

test("a room from its creation to a conversation", async ({ people, request }) => {
  const { roomid } = await (await request.post("/createroom", { data: { alias: "Bob and Al's room" } })).json();
  const bob = new RoomPage(await people.newcomer());
  await bob.page.goto(`/${roomid}/`);
  await bob.isReady();
  await bob.registerAs("Bob", "correct horse", "correct house");
  await expect(bob.page.getByText("The two passwords are not the same.")).toBeVisible();
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

test("members come back with their password, and another browser takes the seat over", async ({ people }) => {
  const home = await new HomePage(await people.newcomer()).open();
  const ann = await home.startChat("Ann", "Book club", "Members with a password");
  await ann.openInvite();
  const input = ann.page.getByLabel("Link to the chat");
  await expect(input).toHaveValue(/\/room\/[0-9a-f-]{36}$/);
  const link = await input.inputValue();
  await ann.page.keyboard.press("Escape");
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
  await ann.hasTexts(["from the desk", "from the phone"]);
  await ann.openPeople();
  await expect(ann.members).toHaveCount(2);
  // The first browser's session has ended with that.
  await expect(bob.page).toHaveURL(/\/room\/.*notice=session_expired/);
  await expect(bob.page.locator(".notice")).toContainText("has ended");
});
