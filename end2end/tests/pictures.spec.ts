// Every page, light and dark: accessible, no wider than its screen, and saved as a picture.
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import type { People } from "../people.ts";
import type { ChatPage } from "../pages/chat.ts";
import { HomePage } from "../pages/home.ts";
import { JoinPage } from "../pages/join.ts";
import { RoomPage } from "../pages/room.ts";
import { SessionPage } from "../pages/session.ts";
import { scripted } from "../scripted.ts";

interface Cast {
  people: People;
  request: APIRequestContext;
}

/** Ann's page of a chat with three members, in which two have posted. */
async function talk({ people, request }: Cast): Promise<ChatPage> {
  const ann = await people.owner("Ann", "Movie night");
  const link = await ann.magicLink();
  const bob = await scripted(request, link, "Bob");
  await scripted(request, link, "王小明");
  await ann.say("Shall we watch it at eight?");
  await ann.say("I have popcorn 🍿 and this: https://example.org/trailer");
  await expect(ann.messages).toHaveCount(2);
  await bob("Eight is good. I might be five minutes late, so start with the trailers and keep me a seat next to the window.");
  await bob("مرحبا، أراكم هناك");
  await expect(ann.messages).toHaveCount(4);
  return ann;
}

/** A magic link that asks first, and its owner's page. */
async function door({ people }: Cast): Promise<[ChatPage, string]> {
  const ann = await people.gatekeeper("Ann", "Movie night");
  return [ann, await ann.magicLink()];
}

async function madeLink(cast: Cast): Promise<ChatPage> {
  const [ann] = await door(cast);
  await ann.openInvite();
  await ann.makeLink({ label: "for the neighbours", uses: 3, life: "1 day", asksFirst: true });
  await expect(ann.links).toHaveCount(2);
  return ann;
}

/** A room that anyone can read, in which two members have posted. */
async function room({ people, request }: Cast): Promise<RoomPage> {
  const { roomid } = await (await request.post("/createroom", { data: { alias: "Book club" } })).json();
  for (const username of ["Tom", "王小明"]) {
    const account = { username, password: "correct horse" };
    await request.post(`/${roomid}/register`, { data: account });
    const { token } = await (await request.post(`/${roomid}/login`, { data: account })).json();
    const message = username === "Tom" ? "Which chapter are we at?" : "The fourth, where the ship leaves.";
    await request.post(`/${roomid}/message`, { data: { username, token, message } });
  }
  const page = await new RoomPage(await people.newcomer()).open(`/room/${roomid}`);
  await expect(page.messages).toHaveCount(2);
  return page;
}

/** A room that only its members can read. */
async function closedRoom({ people, request }: Cast): Promise<RoomPage> {
  const data = { username: "Ann", name: "Book club", admission: "account" };
  const { chat_id } = await (await request.post("/create", { data })).json();
  const page = await new RoomPage(await people.newcomer()).open(`/room/${chat_id}`);
  await expect(page.page.getByRole("heading", { name: "Book club" })).toBeVisible();
  return page;
}

async function choices({ people }: Cast): Promise<HomePage> {
  const home = await new HomePage(await people.newcomer()).open();
  await home.choose("Open chat");
  await home.page.locator("summary", { hasText: "More options" }).click();
  return home;
}

/** The page that each picture shows, by the picture's name. */
const pictures: Record<string, (cast: Cast) => Promise<Page>> = {
  "home-first": async ({ people }) => (await new HomePage(await people.newcomer()).open()).page,
  home: async ({ people }) => {
    const { page } = await people.owner("Ann", "Movie night");
    await page.goto("/?notice=chat_full");
    await new HomePage(page).isReady();
    await expect(new HomePage(page).yourChats).toContainText("Nothing new");
    return page;
  },
  "own-name": async ({ people }) => {
    const { page } = await people.host("Ann", "Week 3 lab");
    await page.goto("/");
    await expect(page.getByText("your name is Ann")).toBeVisible();
    return page;
  },
  choices: async (cast) => (await choices(cast)).page,
  "new-room": async ({ people }) => {
    const home = await new HomePage(await people.newcomer()).open();
    await home.choose("Members with a password");
    await home.password.fill("correct horse");
    return home.page;
  },
  join: async ({ people }) => {
    const link = await (await people.owner("Ann", "Movie night")).magicLink();
    return (await new JoinPage(await people.newcomer()).open(link)).page;
  },
  ask: async (cast) => {
    const [, link] = await door(cast);
    const asking = new JoinPage(await cast.people.newcomer());
    await asking.page.goto(link);
    await expect(asking.ask).toBeEnabled();
    return asking.page;
  },
  wait: async (cast) => {
    const [, link] = await door(cast);
    return (await cast.people.knocker(link, "Bob")).page;
  },
  full: async ({ people, request }) => {
    const made = await (await request.post("/create", { data: { capacity: 1 } })).json();
    const late = await people.newcomer();
    await late.goto(made.invite.magic_link);
    await late.getByRole("button", { name: "Tell me when a seat is free" }).click();
    await expect(late.getByText("Waiting for a seat")).toBeVisible();
    return late;
  },
  "log-in": async (cast) => (await room(cast)).page,
  register: async (cast) => {
    const { page, again } = await closedRoom(cast);
    await page.getByRole("button", { name: "I don't have an account yet" }).click();
    await expect(again).toBeVisible();
    return page;
  },
  "full-chatroom": async ({ people, request }) => {
    const { hash_key } = await (await request.post("/chats", { data: { name: "Small", capacity: 1 } })).json();
    const asked = await new SessionPage(await people.newcomer()).open(`/chatrooms/${hash_key}/`);
    await (await asked.enterAs("Cleo")).say("There is one seat, and it is mine.");
    const late = await new SessionPage(await people.newcomer()).open(`/chatrooms/${hash_key}/`);
    await late.say("Dan");
    await expect(late.page.getByText("There is one seat")).toBeVisible();
    return late.page;
  },
  sessions: async (cast) => {
    const room = await closedRoom(cast);
    await room.registerAs("Bob", "correct horse");
    const bob = await room.isIn();
    const phone = await new RoomPage(await cast.people.newcomer()).open(`/room/${(await bob.seat()).id}`);
    await phone.logInAs("Bob", "correct horse");
    await phone.isIn();
    await bob.openPeople();
    await expect(bob.sessions).toHaveCount(2);
    return bob.page;
  },
  "public-chat": async ({ people, request }) => {
    const { chat_url } = await (await request.post("/v1/chats", { data: { approval: false } })).json();
    const path = new URL(chat_url).pathname;
    await request.post(path, { data: { message: "Anyone with the link can write." } });
    const page = await people.newcomer();
    await page.goto(path);
    await expect(page.getByText("Anyone with the link can write")).toBeVisible();
    return page;
  },
  "your-name": async ({ people }) => {
    const home = await new HomePage(await people.newcomer()).open();
    const asked = await home.startChatroom("Week 3 lab");
    await asked.isReady();
    return asked.page;
  },
  chatroom: async ({ people }) => {
    const chat = await people.host("Ann", "Week 3 lab");
    await chat.say("Anyone here?");
    await chat.hasTexts(["Anyone here?"]);
    await chat.shareLink();
    return chat.page;
  },
  "chat-empty": async ({ people }) => (await people.owner("Ann", "Movie night")).page,
  chat: async (cast) => (await talk(cast)).page,
  "chat-people": async (cast) => {
    const ann = await talk(cast);
    await ann.openPeople();
    await expect(ann.members).toHaveCount(3);
    return ann.page;
  },
  "chat-invite": async (cast) => {
    const ann = await talk(cast);
    await ann.openPeople();
    await expect(ann.members.first()).toBeVisible();
    // One panel replaces another.
    await ann.openInvite();
    await expect(ann.members.first()).toBeHidden();
    return ann.page;
  },
  "chat-kept": async (cast) => {
    const ann = await talk(cast);
    await ann.openKept();
    await expect(ann.kept).toContainText("4 of at most 30");
    return ann.page;
  },
  knocks: async (cast) => {
    const [ann, link] = await door(cast);
    await cast.people.knocker(link, "Bob");
    await cast.people.knocker(link, "王小明");
    await expect(ann.knocks.getByRole("listitem")).toHaveCount(2);
    await ann.say("Let me see who is there.");
    await ann.hasTexts(["Let me see who is there."]);
    return ann.page;
  },
  share: async (cast) => (await madeLink(cast)).page,
  invites: async (cast) => {
    const ann = await madeLink(cast);
    await ann.links.first().getByRole("button", { name: /Revoke/ }).click();
    await ann.links.last().scrollIntoViewIfNeeded();
    return ann.page;
  },
  owner: async ({ people }) => {
    const ann = await people.owner("Ann", "Movie night");
    await ann.openPeople();
    await ann.page.locator("summary", { hasText: "Come back as an owner" }).click();
    return ann.page;
  },
  "not-found": async ({ people }) => {
    const page = await people.newcomer();
    await page.goto("/nothing/here");
    await expect(page.getByRole("link", { name: "Go to the start page" })).toBeVisible();
    return page;
  },
  docs: async ({ people }) => {
    const page = await people.newcomer();
    await page.goto("/docs");
    return page;
  },
};

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    for (const [name, show] of Object.entries(pictures)) {
      test(`the page of "${name}" is accessible, fits its width, and is saved as a picture`, async ({ people, request, keep }) => {
        await keep(await show({ people, request }), name);
      });
    }
  });
}
