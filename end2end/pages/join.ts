// The page of a magic link.
import type { Locator, Page } from "@playwright/test";
import { expect } from "../expect.ts";
import { ChatPage } from "./chat.ts";

export class JoinPage {
  readonly username: Locator;
  readonly join: Locator;
  readonly ask: Locator;
  readonly waiting: Locator;

  constructor(readonly page: Page) {
    this.username = page.getByLabel("Your name");
    this.join = page.getByRole("button", { name: "Join", exact: true });
    this.ask = page.getByRole("button", { name: "Ask to join" });
    this.waiting = page.getByText("Waiting for an owner to approve");
  }

  async open(link: string) {
    await this.page.goto(link);
    await this.isReady();
    return this;
  }

  /** Waits until the page is hydrated. Its form works before. */
  async isReady() {
    await expect(this.page.locator("[data-hydration=done] body")).toHaveCount(1);
    await expect(this.join).toBeEnabled();
  }

  /** Knocks at a chat whose owner approves guests. */
  async askAs(link: string, username: string) {
    await this.page.goto(link);
    await expect(this.ask).toBeEnabled();
    await this.username.fill(username);
    await this.ask.click();
    await expect(this.waiting).toBeVisible();
    return this;
  }

  /** Waits until the guest is in the chat. */
  async isIn() {
    const chat = new ChatPage(this.page);
    await chat.isReady();
    return chat;
  }

  async joinAs(username: string) {
    await this.username.fill(username);
    await this.join.click();
    const chat = new ChatPage(this.page);
    await chat.isReady();
    return chat;
  }
}
