// The fixtures of every test: the site's address, and as many people as it needs, each in their own
// browser.
import AxeBuilder from "@axe-core/playwright";
import { type Browser, type BrowserContext, expect, type Page, test as base } from "@playwright/test";
import { People } from "./people.ts";
import { watchAll } from "./policy.ts";

export { expect } from "@playwright/test";

class PeopleInChromium extends People {
  private readonly contexts: BrowserContext[] = [];
  /** Errors in any of their pages. */
  private readonly broken: string[] = [];
  private readonly hear: ((address: string) => void)[] = [];

  constructor(
    private readonly browser: Browser,
    private readonly options: Parameters<Browser["newContext"]>[0],
  ) {
    super();
  }

  /** Calls `hear` with each address that any of their pages requests. */
  onAsking(hear: (address: string) => void) {
    this.hear.push(hear);
  }

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

  async leave() {
    expect(this.broken).toEqual([]);
    await Promise.all(this.contexts.map((context) => context.close()));
  }
}

export async function fitsItsWidth(page: Page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(over).toBeLessThanOrEqual(0);
}

/** Checks that a page is accessible and fits its width, and saves a picture of it under that name. */
type Keep = (page: Page, name: string) => Promise<void>;

let tests = 0;

/** An IP address that no other test has, in any worker. */
function ownAddress(worker: number) {
  tests += 1;
  return `10.${worker % 256}.${Math.floor(tests / 256)}.${tests % 256}`;
}

interface Fixtures {
  people: PeopleInChromium;
  keep: Keep;
  /** Whether the test makes a page break its Content-Security-Policy. */
  breaksPolicy: boolean;
  /** What pages tried against their policy: something if the test makes them, and otherwise nothing. */
  violations: string[];
}

export const test = base.extend<Fixtures>({
  breaksPolicy: [false, { option: true }],
  violations: [
    async ({ browser, breaksPolicy }, use) => {
      const violations: string[] = [];
      const stop = watchAll(browser, violations);
      await use(violations);
      stop();
      if (breaksPolicy) {
        expect(violations).not.toEqual([]);
      } else {
        expect(violations).toEqual([]);
      }
    },
    { auto: true },
  ],
  keep: async ({ colorScheme }, use, info) => {
    await use(async (page, name) => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => ({ id, at: nodes.map((node) => node.target) }))).toEqual([]);
      await fitsItsWidth(page);
      await page.screenshot({ path: `output/screenshots/${name}-${info.project.name}-${colorScheme}.png` });
    });
  },
  baseURL: async ({}, use) => use(process.env.WATCH_PARTY_SITE),
  // All people of a test share its address and its limits, like people in one home.
  extraHTTPHeaders: async ({}, use, info) => use({ "x-forwarded-for": ownAddress(info.workerIndex) }),
  people: async ({ browser, contextOptions, extraHTTPHeaders, baseURL, viewport, userAgent, isMobile, hasTouch, deviceScaleFactor, colorScheme }, use) => {
    const options = {
      ...contextOptions,
      extraHTTPHeaders,
      baseURL,
      viewport,
      userAgent,
      isMobile,
      hasTouch,
      deviceScaleFactor,
      colorScheme,
    };
    const people = new PeopleInChromium(browser, options);
    await use(people);
    await people.leave();
  },
});
