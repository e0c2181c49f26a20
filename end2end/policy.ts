// Notes what a page tried against its Content-Security-Policy. The tests fail if there is anything.
import type { Browser, BrowserContext } from "@playwright/test";

const PREFIX = "Content Security Policy:";

/** Whether a message in a page's console says that its policy forbade something. */
export const isViolation = (message: string) => /content[- ]security[- ]policy|^refused to /i.test(message);

/** A script for the start of each page: it writes what its policy forbids to the console. */
export const reportViolations = `addEventListener("securitypolicyviolation", (event) =>
  console.error("${PREFIX}", event.effectiveDirective, "forbids", event.blockedURI, "in", event.documentURI), true)`;

async function watch(context: BrowserContext, violations: string[]) {
  context.on("console", (message) => {
    if (isViolation(message.text())) {
      violations.push(message.text());
    }
  });
  await context.addInitScript(reportViolations);
}

/** Notes the violations in every page of every context that is opened from now on, until the returned function is called. */
export function watchAll(browser: Browser, violations: string[]) {
  const open = browser.newContext;
  browser.newContext = async (...options) => {
    const context = await open.apply(browser, options);
    await watch(context, violations);
    return context;
  };
  return () => {
    browser.newContext = open;
  };
}
