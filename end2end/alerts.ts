// What a page would show and play to tell of something: noted instead.
import type { Page } from "@playwright/test";

/** Notes it from now on; `permission` is what the browser says of notifications until it is asked. */
export async function noteAlerts(page: Page, permission: "default" | "granted") {
  await page.evaluate((permission) => {
    const told: string[] = [];
    class Noted {
      static permission = permission;
      static async requestPermission() {
        Noted.permission = "granted";
        return "granted";
      }
      constructor(title: string, options: NotificationOptions) {
        told.push(`${title}: ${options.body}`);
      }
    }
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (when) {
      told.push("a note");
      start.call(this, when);
    };
    Object.assign(window, { told, Notification: Noted });
  }, permission);
  return () => page.evaluate(() => (window as unknown as { told: string[] }).told);
}

/** Has the page believe that nobody sees it, or that someone does. */
export async function hide(page: Page, isHidden = true) {
  await page.evaluate((isHidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  }, isHidden);
}
