// The page that asks for a browser's name.
import type { Locator, Page } from "@playwright/test";
import { expect } from "../expect.ts";
import { ChatPage } from "./chat.ts";

export class SessionPage {
  readonly username: Locator;
  readonly goOn: Locator;

  constructor(readonly page: Page) {
    this.username = page.getByLabel("Your name");
    this.goOn = page.getByRole("button", { name: "Continue" });
  }

  async open(link: string) {
    await this.page.goto(link);
    await this.isReady();
    return this;
  }

  /** Waits for the page, to which a chatroom has redirected. */
  async isReady() {
    await expect(this.page).toHaveURL(/\/sessions\/new\?chatroom=[0-9a-f-]{36}/);
    await expect(this.goOn).toBeEnabled();
  }

  async say(username: string) {
    await this.username.fill(username);
    await this.goOn.click();
  }

  /** Picks a name, and returns to the chatroom. */
  async enterAs(username: string) {
    await this.say(username);
    return this.isIn();
  }

  async isIn() {
    const chat = new ChatPage(this.page);
    await chat.isReady();
    return chat;
  }
}
