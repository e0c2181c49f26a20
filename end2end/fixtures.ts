// What every test starts from: the site's address, and as many people as it needs, each in a
// browser of their own.
import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, expect, type Page, test as base } from "@playwright/test";
import { ChatPage } from "./pages/chat.ts";
import { HomePage } from "./pages/home.ts";
import { JoinPage } from "./pages/join.ts";

export { expect } from "@playwright/test";

export class People {
  private readonly contexts: BrowserContext[] = [];
  /** What broke in any of their pages. */
  private readonly broken: string[] = [];
  private readonly hear: ((address: string) => void)[] = [];

  constructor(
    private readonly browser: Browser,
    private readonly options: Parameters<Browser["newContext"]>[0],
  ) {}

  /** Calls `hear` with each address that any of their pages asks for. */
  onAsking(hear: (address: string) => void) {
    this.hear.push(hear);
  }

  /** A browser that has never been here. */
  async newcomer() {
    const context = await this.browser.newContext(this.options);
    this.contexts.push(context);
    context.on("weberror", (error) => this.broken.push(String(error.error())));
    context.on("console", (message) => {
      if (message.text().includes("panicked")) {
        this.broken.push(message.text());
      }
    });
    const asks = (address: string) => this.hear.forEach((hear) => hear(address));
    context.on("request", (request) => asks(request.url()));
    context.on("page", (page) => page.on("websocket", (socket) => asks(socket.url())));
    return context.newPage();
  }

  /** Someone who has started a chat. */
  async owner(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    return home.startChat(username, chatName);
  }

  /** Someone who has started a chat that one enters only when let in. */
  async gatekeeper(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    return home.startChat(username, chatName, "Ask me first");
  }

  /** Someone who has started a chat that anyone may enter who picks a name. */
  async host(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    const asked = await home.startChatroom(chatName);
    await asked.isReady();
    return asked.enterAs(username);
  }

  /** Someone who came by a magic link and waits to be let in. */
  async knocker(link: string, username = "Bob"): Promise<JoinPage> {
    return new JoinPage(await this.newcomer()).askAs(link, username);
  }

  /** Someone who came by a magic link. */
  async guest(link: string, username = "Bob"): Promise<ChatPage> {
    const join = await new JoinPage(await this.newcomer()).open(link);
    return join.joinAs(username);
  }

  async leave() {
    expect(this.broken).toEqual([]);
    await Promise.all(this.contexts.map((context) => context.close()));
  }
}

export async function fitsItsWidth(page: Page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(over).toBeLessThanOrEqual(0);
}

/** Sees to it that a page is accessible and fits its width, and keeps it as a picture of that name. */
type Keep = (page: Page, name: string) => Promise<void>;

export const test = base.extend<{ people: People; keep: Keep }>({
  keep: async ({ colorScheme }, use, info) => {
    await use(async (page, name) => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => ({ id, at: nodes.map((node) => node.target) }))).toEqual([]);
      await fitsItsWidth(page);
      await page.screenshot({ path: `output/screenshots/${name}-${info.project.name}-${colorScheme}.png` });
    });
  },
  baseURL: async ({}, use) => use(process.env.WATCH_PARTY_SITE),
  people: async ({ browser, contextOptions, baseURL, viewport, userAgent, isMobile, hasTouch, deviceScaleFactor, colorScheme }, use) => {
    const options = {
      ...contextOptions,
      baseURL,
      viewport,
      userAgent,
      isMobile,
      hasTouch,
      deviceScaleFactor,
      colorScheme,
    };
    const people = new People(browser, options);
    await use(people);
    await people.leave();
  },
});
