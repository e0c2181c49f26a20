// `expect` for pages and elements of any browser: Playwright's own, and the same assertions for
// browsers that Playwright does not drive.
import { expect as playwright } from "@playwright/test";
import type { Seen } from "./engines/find.ts";
import { EngineLocator, EnginePage, holds } from "./engines/page.ts";

type Text = string | RegExp;

const contained = (text: Text) =>
  typeof text === "string" ? playwright.stringContaining(text) : playwright.stringMatching(text);
const same = (text: Text) => (typeof text === "string" ? text : playwright.stringMatching(text));

class EngineAssertions {
  constructor(
    private readonly subject: EngineLocator,
    private readonly negated = false,
  ) {}

  get not() {
    return new EngineAssertions(this.subject, !this.negated);
  }

  private is(actual: unknown, expected: unknown) {
    const what = playwright(actual, this.subject.name());
    (this.negated ? what.not : what).toEqual(expected);
  }

  private one(look: (seen: Seen) => unknown, expected: unknown) {
    return holds(async () => this.is(look(await this.subject.one()), expected));
  }

  private all(look: (seen: Seen[]) => unknown, expected: unknown) {
    return holds(async () => this.is(look(await this.subject.all()), expected));
  }

  private page(ask: () => string, expected: unknown) {
    return holds(async () => this.is(await (this.subject as EnginePage).evaluate(ask), expected));
  }

  toHaveURL(address: Text) {
    return this.page(() => location.href, same(address));
  }

  toHaveTitle(title: Text) {
    return this.page(() => document.title, same(title));
  }

  toBeVisible() {
    return this.all((seen) => seen.some(({ visible }) => visible), true);
  }

  toBeHidden() {
    return this.not.toBeVisible();
  }

  toBeEnabled() {
    return this.one(({ enabled }) => enabled, true);
  }

  toBeInViewport({ ratio = Number.MIN_VALUE } = {}) {
    return this.one(({ inside }) => inside >= ratio, true);
  }

  toHaveValue(value: Text) {
    return this.one((seen) => seen.value, same(value));
  }

  toBeEmpty() {
    return this.one(({ text }) => text, "");
  }

  toHaveCount(count: number) {
    return this.all(({ length }) => length, count);
  }

  toHaveText(texts: Text | Text[]) {
    return Array.isArray(texts)
      ? this.all((seen) => seen.map(({ text }) => text), texts.map(same))
      : this.one(({ text }) => text, same(texts));
  }

  toContainText(text: Text) {
    return this.one((seen) => seen.text, contained(text));
  }
}

const either = (actual: unknown, message?: string) =>
  actual instanceof EngineLocator ? new EngineAssertions(actual) : playwright(actual, message);

export const expect = Object.assign(either, playwright) as typeof playwright;
