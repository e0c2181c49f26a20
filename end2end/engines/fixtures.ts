// The fixtures of the tests in other engines: people in Firefox or WebKit, and the site at the root
// of a host or in a folder of one.
import { mkdir, writeFile } from "node:fs/promises";
import { type Page, test as base } from "@playwright/test";
import { expect } from "../expect.ts";
import { People } from "../people.ts";
import { startProxy } from "../proxy.ts";
import { newFolder } from "../server.ts";
import { startFirefox } from "./firefox.ts";
import { asEnginePage, asPage, type Engine, EnginePage, type Tab } from "./page.ts";
import { startWebKit } from "./webkit.ts";

export { expect };

const engines = { firefox: startFirefox, webkit: startWebKit };

export type EngineName = keyof typeof engines;

export class PeopleInEngine extends People {
  readonly tabs: Tab[] = [];

  constructor(
    private readonly engine: Engine,
    private readonly site: string,
    private readonly size: { width: number; height: number },
  ) {
    super();
  }

  async newcomer() {
    const tab = await this.engine.open(this.size);
    this.tabs.push(tab);
    return asPage(new EnginePage(tab, this.site));
  }

  async leave() {
    await Promise.all(this.tabs.map((tab) => tab.close()));
    expect(this.tabs.flatMap(({ broken }) => broken)).toEqual([]);
  }
}

interface Fixtures {
  /** The site's folder on its host, as `/some/path`; empty for the root. */
  folder: string;
  site: string;
  people: PeopleInEngine;
  /** Saves a picture of a page under that name. */
  keep(page: Page, name: string): Promise<void>;
}

export const test = base.extend<Fixtures, { engineName: EngineName; engine: Engine }>({
  engineName: ["firefox", { option: true, scope: "worker" }],
  engine: [
    async ({ engineName }, use) => {
      const engine = await engines[engineName]();
      await use(engine);
      await engine.close();
    },
    { scope: "worker" },
  ],
  folder: ["", { option: true }],
  site: async ({ folder }, use) => {
    const site = process.env.WATCH_PARTY_SITE!;
    if (!folder) {
      return use(site);
    }
    const work = await newFolder();
    const proxy = await startProxy(site, folder, work.folder);
    await use(proxy.site);
    await proxy.stop();
    await work.remove();
  },
  people: async ({ engine, site, viewport }, use, info) => {
    const people = new PeopleInEngine(engine, site, viewport!);
    await use(people);
    if (info.status !== info.expectedStatus) {
      for (const [at, tab] of people.tabs.entries()) {
        const path = info.outputPath(`person-${at + 1}.png`);
        await writeFile(path, await tab.screenshot());
        await info.attach(`person ${at + 1}`, { path });
      }
    }
    await people.leave();
  },
  keep: async ({}, use, info) => {
    await mkdir("output/screenshots", { recursive: true });
    await use(async (page, name) => {
      const picture = await asEnginePage(page).tab.screenshot();
      await writeFile(`output/screenshots/${name}-${info.project.name}.png`, picture);
    });
  },
});
