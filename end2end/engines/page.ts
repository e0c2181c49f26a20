// A page in a browser that Playwright does not drive, with the part of Playwright's `Page` and
// `Locator` that the page objects use.
import { expect, type Page } from "@playwright/test";
import { elements, fill, library, type Seen, select, sight, type Step, wasClicked, watch } from "./find.ts";

/** What the driver of a browser must do. */
export interface Tab {
  goto(address: string): Promise<void>;
  reload(): Promise<void>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Clicks the element that an expression in the page gives. */
  click(expression: string): Promise<void>;
  /** Presses a key in what has the focus. */
  press(key: string): Promise<void>;
  /** Types in what has the focus. */
  type(text: string): Promise<void>;
  /** Takes the connection away, or gives it back, where the driver can. */
  setOffline?(isOffline: boolean): Promise<void>;
  screenshot(): Promise<Buffer>;
  /** What broke in the page so far, as far as the driver tells. */
  broken: string[];
  close(): Promise<void>;
}

/** An engine that runs, and opens browsers that share nothing. */
export interface Engine {
  open(size: { width: number; height: number }): Promise<Tab>;
  close(): Promise<void>;
}

/** Tries until it holds. */
export const holds = (check: () => Promise<void>) => expect(check).toPass({ timeout: 15_000, intervals: [50, 100] });

export class EngineLocator {
  constructor(
    readonly tab: Tab,
    private readonly steps: Step[] = [],
  ) {}

  private to(step: Step) {
    return new EngineLocator(this.tab, [...this.steps, step]);
  }

  getByRole(role: string, { name, exact }: { name?: string; exact?: boolean } = {}) {
    return this.to({ by: "role", role, name, exact });
  }

  getByLabel(text: string, { exact }: { exact?: boolean } = {}) {
    return this.to({ by: "label", text, exact });
  }

  getByText(text: string, { exact }: { exact?: boolean } = {}) {
    return this.to({ by: "text", text, exact });
  }

  locator(css: string, options: { has?: EngineLocator; hasText?: string } = {}) {
    return this.to({ by: "css", css }).filter(options);
  }

  filter({ has, hasText }: { has?: EngineLocator; hasText?: string }): EngineLocator {
    if (has) {
      return this.to({ by: "having", steps: has.steps }).filter({ hasText });
    }
    return hasText === undefined ? this : this.to({ by: "containing", text: hasText });
  }

  /** All that there is of it now. */
  async all(): Promise<Seen[]> {
    const seen = await this.tab.evaluate<Seen[] | null>(sight(this.steps));
    if (seen) {
      return seen;
    }
    await this.tab.evaluate(`(() => {${library}})()`);
    return this.all();
  }

  /** The only one that there is of it now. */
  async one(): Promise<Seen> {
    const seen = await this.all();
    expect(seen, this.name()).toHaveLength(1);
    return seen[0];
  }

  /** What it is called in the report of a test. */
  name() {
    return this.steps.map(({ by, ...step }) => `${by} ${Object.values(step).filter(Boolean).join(" ")}`).join(", ");
  }

  /** Does something with it as soon as there is one to be used. */
  private act(does: (element: string) => Promise<unknown>) {
    return holds(async () => {
      expect(await this.one(), this.name()).toMatchObject({ visible: true, enabled: true });
      await does(`${elements(this.steps)}[0]`);
    });
  }

  /** Clicks it, and once more where it had moved away. */
  click() {
    return this.act(async (element) => {
      await this.tab.evaluate(watch(this.steps));
      await this.tab.click(element);
      expect(await this.tab.evaluate(wasClicked).catch(() => undefined), this.name()).not.toBe(false);
    });
  }

  check() {
    return this.setChecked(true);
  }

  setChecked(isChecked: boolean) {
    return this.act(async () => {
      if ((await this.one()).checked !== isChecked) {
        await this.click();
      }
    });
  }

  fill(text: string) {
    return this.act(() => this.tab.evaluate(fill(this.steps, text)));
  }

  selectOption({ label }: { label: string }) {
    return this.act(() => this.tab.evaluate(select(this.steps, label)));
  }

  focus() {
    return this.act((element) => this.tab.evaluate(`${element}.focus()`));
  }

  async press(key: string) {
    await this.focus();
    await this.tab.press(key);
  }

  async pressSequentially(text: string) {
    await this.focus();
    await this.tab.type(text);
  }

  async inputValue() {
    return (await this.one()).value;
  }

  async isHidden() {
    return !(await this.all()).some(({ visible }) => visible);
  }
}

export class EnginePage extends EngineLocator {
  constructor(
    tab: Tab,
    private readonly site: string,
  ) {
    super(tab);
  }

  /** An address without a host is one of the site, in whatever folder that stands. */
  goto(address: string) {
    return this.tab.goto(address.startsWith("/") ? this.site + address : address);
  }

  reload() {
    return this.tab.reload();
  }

  evaluate<T>(ask: () => T): Promise<T> {
    return this.tab.evaluate(`(${ask})()`);
  }

  setOffline(isOffline: boolean) {
    return this.tab.setOffline!(isOffline);
  }
}

/** The page objects know Playwright's `Page`, and use no more of it than is here. */
export const asPage = (page: EnginePage) => page as unknown as Page;

/** What such a page is. */
export const asEnginePage = (page: Page) => page as unknown as EnginePage;
