// Finds elements as Playwright's locators do, by role, label and text. It runs in the page, with the
// queries of Testing Library.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** One step of a locator: from the current elements to elements in them, or to some of them. */
export type Step =
  | { by: "role"; role: string; name?: string; exact?: boolean }
  | { by: "label" | "text"; text: string; exact?: boolean }
  | { by: "css"; css: string }
  | { by: "containing"; text: string }
  | { by: "having"; steps: Step[] };

/** The visible state of an element. */
export interface Seen {
  text: string;
  value: string;
  visible: boolean;
  enabled: boolean;
  checked: boolean;
  /** How much of it is inside the window, from 0 to 1. */
  inside: number;
}

declare const TestingLibraryDom: typeof import("@testing-library/dom");

/** A script that loads Testing Library into a page. */
export const library = readFileSync(
  createRequire(import.meta.url).resolve("@testing-library/dom/dist/@testing-library/dom.umd.min.js"),
  "utf8",
);

/** An expression for the elements that `steps` lead to; null if the page has not loaded the library. */
export const elements = (steps: Step[]) => `(${find})(${JSON.stringify(steps)})`;

/** An expression for the visible state of these elements. */
export const sight = (steps: Step[]) => `(${elements(steps)}?.map(${see}) ?? null)`;

/** An expression that makes the page record whether the first of them is clicked. */
export const watch = (steps: Step[]) => `(${noteClick})(${elements(steps)}[0])`;

/** An expression for whether it was clicked; undefined if the click has led to another page. */
export const wasClicked = "globalThis.wasClicked";

/** An expression that replaces the content of the first of them with `text`, as typing would. */
export const fill = (steps: Step[], text: string) => `(${write})(${elements(steps)}[0], ${JSON.stringify(text)})`;

/** An expression that chooses the option with that label in the first of them, as a person would. */
export const select = (steps: Step[], label: string) => `(${choose})(${elements(steps)}[0], ${JSON.stringify(label)})`;

// These functions run in the page, and must not refer to anything outside themselves.

function find(steps: Step[]): HTMLElement[] | null {
  if (typeof TestingLibraryDom === "undefined") {
    return null;
  }
  const { queryAllByRole, queryAllByLabelText, queryAllByText } = TestingLibraryDom;
  const contains = (part: string) => (whole: string) => whole.toLowerCase().includes(part.toLowerCase());
  const follow = (from: HTMLElement, step: Step): HTMLElement[] => {
    switch (step.by) {
      case "role": {
        const name = step.name !== undefined && !step.exact ? contains(step.name) : step.name;
        return queryAllByRole(from, step.role, name === undefined ? {} : { name });
      }
      case "label":
        return queryAllByLabelText(from, step.text, { exact: step.exact ?? false });
      case "text":
        return queryAllByText(from, step.text, { exact: step.exact ?? false });
      case "css":
        return [...from.querySelectorAll<HTMLElement>(step.css)];
      case "containing":
        return contains(step.text)(from.textContent ?? "") ? [from] : [];
      case "having":
        return lead(from, step.steps).length ? [from] : [];
    }
  };
  const lead = (from: HTMLElement, steps: Step[]) =>
    steps.reduce((found, step) => [...new Set(found.flatMap((at) => follow(at, step)))], [from]);
  return lead(document.documentElement, steps);
}

function see(element: HTMLElement): Seen {
  const box = element.getBoundingClientRect();
  const width = Math.min(box.right, innerWidth) - Math.max(box.left, 0);
  const height = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
  const area = box.width * box.height;
  const input = element as HTMLInputElement;
  return {
    text: (element.textContent ?? "").replace(/\s+/g, " ").trim(),
    value: input.value ?? "",
    visible: area > 0 && element.checkVisibility({ visibilityProperty: true }),
    enabled: !element.matches(":disabled"),
    checked: input.checked ?? false,
    inside: area > 0 ? (Math.max(width, 0) * Math.max(height, 0)) / area : 0,
  };
}

function noteClick(element: HTMLElement) {
  const page = globalThis as { wasClicked?: boolean };
  page.wasClicked = false;
  element.addEventListener("click", () => (page.wasClicked = true), { capture: true, once: true });
}

function write(box: HTMLInputElement, text: string) {
  box.focus();
  box.select();
  document.execCommand(text ? "insertText" : "delete", false, text);
}

function choose(select: HTMLSelectElement, label: string) {
  select.selectedIndex = [...select.options].findIndex((option) => option.label === label);
  for (const kind of ["input", "change"]) {
    select.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}
