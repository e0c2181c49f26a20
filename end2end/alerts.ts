// Records the notifications and sounds of a page instead of showing and playing them.
import type { Page } from "@playwright/test";

/** Records them from now on; `permission` is the browser's permission for notifications until it is requested. */
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

/** Makes the page hidden, or visible again. */
export async function hide(page: Page, isHidden = true) {
  await page.evaluate((isHidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  }, isHidden);
}
