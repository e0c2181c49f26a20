// People in three engines talk in one chat.
import { test as base } from "../fixtures.ts";
import { expect } from "../expect.ts";
import { PeopleInEngine } from "./fixtures.ts";
import { startFirefox } from "./firefox.ts";
import { startWebKit } from "./webkit.ts";

const test = base.extend<{ inFirefox: PeopleInEngine; inWebKit: PeopleInEngine }>({
  inFirefox: async ({ baseURL, viewport }, use) => {
    const engine = await startFirefox();
    const people = new PeopleInEngine(engine, baseURL!, viewport!);
    await use(people);
    await people.leave();
    await engine.close();
  },
  inWebKit: async ({ baseURL, viewport }, use) => {
    const engine = await startWebKit();
    const people = new PeopleInEngine(engine, baseURL!, viewport!);
    await use(people);
    await people.leave();
    await engine.close();
  },
});

test("people in Chromium, Firefox and WebKit talk in one chat", async ({ people, inFirefox, inWebKit }) => {
  const ann = await people.owner("Ann");
  const link = await ann.magicLink();
  const bob = await inFirefox.guest(link, "Bob");
  const cem = await inWebKit.guest(link, "Cem");
  const texts: string[] = [];
  for (const [person, text] of [[ann, "你好"], [bob, "مرحبا"], [cem, "hello 👩🏽‍🚀"]] as const) {
    await person.say(text);
    texts.push(text);
    for (const other of [ann, bob, cem]) {
      await other.hasTexts(texts);
    }
  }
  await cem.box.pressSequentially("and");
  await expect(ann.typing).toHaveText("Cem is typing…");
  await expect(bob.typing).toHaveText("Cem is typing…");
  await ann.openPeople();
  await expect(ann.members).toHaveCount(3);
});
