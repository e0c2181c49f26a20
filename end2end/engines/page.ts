// A page in a browser that Playwright does not drive, with the part of Playwright's `Page` and
// `Locator` that the page objects use.
import { expect, type Page } from "@playwright/test";
import { elements, fill, library, type Seen, select, sight, type Step, wasClicked, watch } from "./find.ts";

/** The operations that a browser's driver must support. */
export interface Tab {
  goto(address: string): Promise<void>;
  reload(): Promise<void>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Clicks the element that an expression in the page returns. */
  click(expression: string): Promise<void>;
  /** Presses a key in the focused element. */
  press(key: string): Promise<void>;
  /** Types into the focused element. */
  type(text: string): Promise<void>;
  /** Goes offline, or online again, if the driver can. */
  setOffline?(isOffline: boolean): Promise<void>;
  screenshot(): Promise<Buffer>;
  /** The errors of the page so far, if the driver reports them. */
  broken: string[];
  close(): Promise<void>;
}

/** A running engine, which opens browsers that share nothing. */
export interface Engine {
  open(size: { width: number; height: number }): Promise<Tab>;
  close(): Promise<void>;
}

/** Retries the check until it succeeds. */
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

  /** All elements that match now. */
  async all(): Promise<Seen[]> {
    const seen = await this.tab.evaluate<Seen[] | null>(sight(this.steps));
    if (seen) {
      return seen;
    }
    await this.tab.evaluate(`(() => {${library}})()`);
    return this.all();
  }

  /** The only element that matches now. */
  async one(): Promise<Seen> {
    const seen = await this.all();
    expect(seen, this.name()).toHaveLength(1);
    return seen[0];
  }

  /** Its name in the report of a test. */
  name() {
    return this.steps.map(({ by, ...step }) => `${by} ${Object.values(step).filter(Boolean).join(" ")}`).join(", ");
  }

  /** Acts on the element as soon as it can be used. */
  private act(does: (element: string) => Promise<unknown>) {
    return holds(async () => {
      expect(await this.one(), this.name()).toMatchObject({ visible: true, enabled: true });
      await does(`${elements(this.steps)}[0]`);
    });
  }

  /** Clicks it, and again if it had moved. */
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

  /** Opens an address. Without a host, it is relative to the site, in whatever folder that is. */
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

/** The page objects expect Playwright's `Page`, and use only the part of it that is implemented here. */
export const asPage = (page: EnginePage) => page as unknown as Page;

/** Reverses `asPage`. */
export const asEnginePage = (page: Page) => page as unknown as EnginePage;
