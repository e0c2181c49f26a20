// WebKitGTK's MiniBrowser, by WebDriver, on a virtual display. A driver has one session, so each
// person gets a driver and a browser with their own home folder.
import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { Builder, Capabilities, Key, type WebDriver, type WebElement } from "selenium-webdriver";
import { freePort } from "../proxy.ts";
import { newFolder } from "../server.ts";
import type { Engine, Tab } from "./page.ts";

const capabilities = new Capabilities({ browserName: "MiniBrowser" });

function start(command: string, parameters: string[], options: SpawnOptions) {
  const child = spawn(command, parameters, options);
  // Fires when the process, and all that it started with the same output, have ended.
  const ended = once(child, "close");
  const failed = ended.then(() => {
    throw new Error(`${command} ended before it was ready`);
  });
  failed.catch(() => undefined);
  const stop = async () => {
    child.kill();
    await ended;
  };
  return { child, failed, stop };
}

/** Starts an X server, on a display that is free. */
async function startDisplay() {
  const parameters = ["-displayfd", "3", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"];
  const { child, failed, stop } = start("Xvfb", parameters, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const [number] = await Promise.race([once(child.stdio[3] as Readable, "data"), failed]);
  return { display: `:${String(number).trim()}`, stop };
}

async function isReady(server: string) {
  const status = await fetch(`${server}/status`).catch(() => undefined);
  return status?.ok ?? false;
}

async function startDriver(display: string, home: string) {
  const port = await freePort();
  const server = `http://127.0.0.1:${port}`;
  const { child, failed, stop } = start("WebKitWebDriver", ["--host=127.0.0.1", `--port=${port}`], {
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      ...process.env,
      DISPLAY: display,
      HOME: home,
      XDG_CACHE_HOME: home,
      XDG_CONFIG_HOME: home,
      XDG_DATA_HOME: home,
      // There is no session bus to ask for assistive technologies, and no graphics card.
      NO_AT_BRIDGE: "1",
      WEBKIT_SKIA_ENABLE_CPU_RENDERING: "1",
    },
  });
  while (!(await Promise.race([isReady(server), failed]))) {}
  child.stdout!.resume();
  return { server, stop };
}

// The driver can start no script before those of a page, so violations count from the first look at the page on.
const takeViolations = `(globalThis.violations ??= (() => {
  const violations = [];
  addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective + " forbids " + event.blockedURI), true);
  return violations;
})()).splice(0)`;

function tab(browser: WebDriver, close: () => Promise<void>): Tab {
  const broken: string[] = [];
  return {
    goto: (address) => browser.get(address),
    reload: () => browser.navigate().refresh(),
    evaluate: async <T>(expression: string) => {
      const [violations, value] = await browser.executeScript<[string[], T]>(`return [${takeViolations}, ${expression}]`);
      broken.push(...violations);
      return value;
    },
    click: async (expression) => (await browser.executeScript<WebElement>(`return ${expression}`)).click(),
    press: (key) => browser.actions().sendKeys(Key[key.toUpperCase() as "ENTER"]).perform(),
    type: (text) => browser.actions().sendKeys(text).perform(),
    screenshot: async () => {
      // The screenshot shows the last painted frame.
      await browser.executeAsyncScript("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))");
      return Buffer.from(await browser.takeScreenshot(), "base64");
    },
    // The driver reports no other errors.
    broken,
    close,
  };
}

export async function startWebKit(): Promise<Engine> {
  const { display, stop: stopDisplay } = await startDisplay();
  const drivers: { stop(): Promise<void> }[] = [];
  const open: Engine["open"] = async (size) => {
    const { folder, remove } = await newFolder();
    const driver = await startDriver(display, folder);
    drivers.push(driver);
    const browser = await new Builder().usingServer(driver.server).withCapabilities(capabilities).build();
    await browser.manage().window().setRect({ x: 0, y: 0, ...size });
    return tab(browser, async () => {
      await browser.quit();
      await driver.stop();
      await remove();
    });
  };
  // Without a display every browser ends, even one that has stopped responding.
  const close = async () => {
    await stopDisplay();
    await Promise.all(drivers.map((driver) => driver.stop()));
  };
  return { open, close };
}
