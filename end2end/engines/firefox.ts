// Firefox, by WebDriver BiDi.
import puppeteer, { type ElementHandle, type KeyInput } from "puppeteer-core";
import { isViolation, reportViolations } from "../policy.ts";
import type { Engine, Tab } from "./page.ts";

const firefox = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

export async function startFirefox(): Promise<Engine> {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: firefox });
  const open: Engine["open"] = async (size) => {
    const context = await browser.createBrowserContext();
    // A separate window, because a tab behind another counts as hidden.
    const page = await context.newPage({ type: "window" });
    await page.setViewport(size);
    const broken: string[] = [];
    page.on("pageerror", (error) => {
      // An unreachable server is reported as an error too, but is not an error of the page.
      if (!/connection to .*wss?:/.test(String(error))) {
        broken.push(String(error));
      }
    });
    page.on("console", (message) => {
      if (message.text().includes("panicked") || isViolation(message.text())) {
        broken.push(message.text());
      }
    });
    await page.evaluateOnNewDocument(reportViolations);
    return {
      goto: async (address) => void (await page.goto(address)),
      reload: async () => void (await page.reload()),
      evaluate: <T>(expression: string) => page.evaluate(expression) as Promise<T>,
      click: async (expression) => {
        const element = (await page.evaluateHandle(expression)) as ElementHandle<Element>;
        await element.click();
        await element.dispose();
      },
      press: (key) => page.keyboard.press(key as KeyInput),
      type: (text) => page.keyboard.type(text),
      setOffline: (isOffline) => page.setOfflineMode(isOffline),
      screenshot: async () => Buffer.from(await page.screenshot()),
      broken,
      close: () => context.close(),
    } satisfies Tab;
  };
  return { open, close: () => browser.close() };
}
