// Measures how soon a page is painted, and how soon it works, on a slow phone and a slow network, with nothing cached.
// Prints a table, and asserts nothing about time.
//
// `RUNS=1 npx playwright test --config first-load.config.ts` is a small run.
import { EventEmitter, once } from "node:events";
import { type Browser, type Page, test as base } from "@playwright/test";
import { ChatPage } from "./pages/chat.ts";
import { HomePage } from "./pages/home.ts";
import { JoinPage } from "./pages/join.ts";
import { startUnlimitedServer } from "./server.ts";

/** Number of visits of each kind, in turns. The median is reported. */
const RUNS = Number(process.env.RUNS ?? 5);
const CPU_SLOWDOWN = 4;
/** Bytes per second, and milliseconds for each request: 1.6 Mbit/s down and 0.75 Mbit/s up, as Lighthouse's slow 4G. */
const NETWORK = { offline: false, downloadThroughput: 200_000, uploadThroughput: 93_750, latency: 150 };
/** Time between the letters of a name, in milliseconds. */
const TYPING_DELAY = 1_000;

/** What a visit reaches. `form` is an enabled form; `sendable` is a hydrated chat with an enabled message box. */
type Moment = "opened" | "painted" | "form" | "hydrated" | "pressed" | "sendable" | "entered" | "acknowledged";

/** The time in milliseconds, the number of requests until then, and the bytes of the answers that were complete. */
interface Reached {
  at: number;
  requests: number;
  bytes: number;
}

/** One page in a browser that has not used the site before. */
class Visit {
  private readonly reached = new Map<Moment, Reached>();
  private readonly moments = new EventEmitter();
  private requests = 0;
  private bytes = 0;

  private constructor(readonly page: Page) {}

  /** Opens the page, on a slow phone and a slow network. */
  static async open(browser: Browser, address: string, blocked: string[], storage: Record<string, string>) {
    const context = await browser.newContext();
    const visit = new Visit(await context.newPage());
    await visit.slowDown(blocked);
    await visit.page.exposeFunction("reach", visit.reach.bind(visit));
    await visit.page.addInitScript((saved) => Object.assign(localStorage, saved), storage);
    await visit.page.addInitScript(reportMoments);
    await visit.page.goto(address, { waitUntil: "commit" });
    return visit;
  }

  private async slowDown(blocked: string[]) {
    const devtools = await this.page.context().newCDPSession(this.page);
    devtools.on("Network.requestWillBeSent", ({ redirectResponse }) => {
      this.requests += 1;
      this.bytes += redirectResponse?.encodedDataLength ?? 0;
    });
    devtools.on("Network.webSocketCreated", () => (this.requests += 1));
    devtools.on("Network.loadingFinished", ({ encodedDataLength }) => (this.bytes += encodedDataLength));
    await devtools.send("Network.enable");
    await devtools.send("Network.setBlockedURLs", { urls: blocked });
    await devtools.send("Network.emulateNetworkConditions", NETWORK);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: CPU_SLOWDOWN });
  }

  private reach(moment: Moment, at: number) {
    if (!this.reached.has(moment)) {
      this.reached.set(moment, { at, requests: this.requests, bytes: this.bytes });
      this.moments.emit(moment);
    }
  }

  async until(moment: Moment): Promise<Reached> {
    if (!this.reached.has(moment)) {
      await once(this.moments, moment);
    }
    return this.reached.get(moment)!;
  }
}

/** Calls `reach` as soon as the page has reached a moment. It runs in the page. */
function reportMoments() {
  const { reach } = globalThis as unknown as { reach(moment: Moment, at: number): void };
  const known = new Set<Moment>();
  // Times of different documents are comparable only from a common origin.
  const report = (moment: Moment, sinceOrigin = performance.now()) => {
    if (!known.has(moment)) {
      known.add(moment);
      reach(moment, performance.timeOrigin + sinceOrigin);
    }
  };
  const works = (selector: string) =>
    [...document.querySelectorAll(selector)].some((part) => part.checkVisibility() && !part.matches(":disabled"));
  const look = () => {
    const isHydrated = document.documentElement.dataset.hydration === "done";
    if (isHydrated) report("hydrated");
    if (works("form.card button[type=submit]")) report("form");
    if (isHydrated && works("#message") && works(".composer button[type=submit]")) report("sendable");
    if (works("[role=log] li.message:not(.waiting)")) report("acknowledged");
    requestAnimationFrame(look);
  };
  report("opened", 0);
  requestAnimationFrame(look);
  const paints = new PerformanceObserver((list) =>
    list.getEntriesByName("first-contentful-paint").forEach(({ startTime }) => report("painted", startTime)),
  );
  paints.observe({ type: "paint", buffered: true });
  const submits = (event: Event) => (event.target as Element).closest("button[type=submit]");
  addEventListener("click", (event) => submits(event) && report("pressed", event.timeStamp), true);
  addEventListener("keydown", (event) => event.key === "Enter" && report("entered", event.timeStamp), true);
}

interface Chat {
  address: string;
  link: string;
  /** What the owner's browser has stored. */
  storage: Record<string, string>;
}

/** Starts a chat at full speed, and leaves its page. */
async function startChat(browser: Browser, site: string): Promise<Chat> {
  const page = await browser.newPage();
  const home = await new HomePage(page).open(`${site}/`);
  const chat = await home.startChat("Ann");
  const link = await chat.magicLink();
  const storage = await page.evaluate(() => ({ ...localStorage }));
  await page.close();
  return { address: page.url(), link, storage };
}

interface Kind {
  name: string;
  address(site: string, chat: Chat): string;
  /** Addresses that the browser does not load, which leaves a static page to compare with. */
  blocked?: string[];
  /** Whether the browser has a seat in the chat. */
  isSeated?: boolean;
  act?(visit: Visit): Promise<unknown>;
  /** What is reported: its name, when it begins and when it ends. */
  spans: [string, Moment, Moment][];
}

const home = (site: string) => `${site}/`;
const link = (_: string, chat: Chat) => chat.link;
const untilAlive: Kind["spans"] = [
  ["first paint", "opened", "painted"],
  ["form enabled", "opened", "form"],
  ["hydrated", "opened", "hydrated"],
];

const KINDS: Kind[] = [
  {
    name: "`/`, its script files blocked",
    address: home,
    blocked: ["*/pkg/*.js", "*/pkg/*.wasm"],
    spans: [["first paint", "opened", "painted"]],
  },
  { name: "`/`", address: home, spans: untilAlive },
  { name: "`/join/…`", address: link, spans: untilAlive },
  {
    name: "`/chat/…`, with a seat",
    address: (_, chat) => chat.address,
    isSeated: true,
    act: async (visit) => {
      await visit.until("sendable");
      await new ChatPage(visit.page).say("Shall we begin?");
    },
    spans: [
      ["first paint", "opened", "painted"],
      ["a message can be sent", "opened", "sendable"],
      ["acknowledged, after Enter", "entered", "acknowledged"],
    ],
  },
  {
    name: "`/`, then a new chat",
    address: home,
    act: async (visit) => {
      await visit.until("form");
      const { username, start } = new HomePage(visit.page);
      await username.pressSequentially("Ann", { delay: TYPING_DELAY });
      await start.click();
    },
    spans: [["a message can be sent, after **Start a chat**", "pressed", "sendable"]],
  },
  {
    name: "`/join/…`, then the chat",
    address: link,
    act: async (visit) => {
      await visit.until("form");
      const { username, join } = new JoinPage(visit.page);
      await username.pressSequentially("Bob", { delay: TYPING_DELAY });
      await join.click();
    },
    spans: [["a message can be sent, after **Join**", "pressed", "sendable"]],
  },
];

/** What a span took, and the requests and bytes from the page's opening until the span's end. */
interface Measurement {
  time: number;
  requests: number;
  bytes: number;
}

async function measure(browser: Browser, site: string, kind: Kind): Promise<Measurement[]> {
  const chat = await startChat(browser, site);
  const storage = kind.isSeated ? chat.storage : {};
  const visit = await Visit.open(browser, kind.address(site, chat), kind.blocked ?? [], storage);
  await kind.act?.(visit);
  const measurements = [];
  for (const [, from, to] of kind.spans) {
    const [begin, end] = [await visit.until(from), await visit.until(to)];
    measurements.push({ time: end.at - begin.at, requests: end.requests, bytes: end.bytes });
  }
  await visit.page.context().close();
  return measurements;
}

function median(numbers: number[]) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const whole = (number: number) => Math.round(number).toLocaleString("en");

const test = base.extend<{ site: string }>({
  site: async ({}, use) => {
    const server = await startUnlimitedServer();
    await use(server.site);
    await server.stop();
  },
});

test("first load", async ({ browser, site }) => {
  // Ends a run that hangs.
  test.setTimeout(RUNS * 180_000);
  const runs: Measurement[][][] = [];
  for (let run = 0; run < RUNS; run++) {
    runs.push([]);
    for (const kind of KINDS) {
      runs[run].push(await measure(browser, site, kind));
    }
  }
  const rows = KINDS.flatMap(({ name, spans }, kind) =>
    spans.map(([until], span) => {
      const all = runs.map((run) => run[kind][span]);
      const [times, requests, bytes] = (["time", "requests", "bytes"] as const).map((part) => all.map((one) => one[part]));
      return { name, until, times, requests, bytes };
    }),
  );
  const floor = median(rows[0].times);
  const lines = rows.map(({ name, until, times, requests, bytes }) => {
    const time = median(times);
    const range = `${whole(Math.min(...times))}–${whole(Math.max(...times))} ms`;
    const received = `${median(requests)} | ${whole(median(bytes) / 1024)}`;
    return `| ${name} | ${until} | ${whole(time)} ms | ${range} | ${(time / floor).toFixed(1)} | ${received} |`;
  });
  console.log(`
First load on a CPU slowed ${CPU_SLOWDOWN} times, at 1.6 Mbit/s down, 0.75 Mbit/s up and 150 ms for each request (median of ${RUNS} visits)

| page | until | time | range | relative to the first row | requests so far | KiB received so far |
|---|---|---:|---:|---:|---:|---:|
${lines.join("\n")}
`);
});
