// The start page.
import { expect, type Locator, type Page } from "@playwright/test";
import { ChatPage } from "./chat.ts";

export class HomePage {
  readonly username: Locator;
  readonly chatName: Locator;
  readonly start: Locator;
  readonly notice: Locator;
  readonly yourChats: Locator;

  constructor(readonly page: Page) {
    this.username = page.getByLabel("Your name");
    this.chatName = page.getByLabel("Name of the chat");
    this.start = page.getByRole("button", { name: "Start a chat" });
    this.notice = page.locator(".notice");
    this.yourChats = page.getByRole("region", { name: "Your chats" });
  }

  async open(site = "/") {
    await this.page.goto(site);
    await this.isReady();
    return this;
  }

  async isReady() {
    await expect(this.start).toBeEnabled();
  }

  async startChat(username: string, chatName = "", asksFirst = false) {
    await this.username.fill(username);
    await this.chatName.fill(chatName);
    if (asksFirst) {
      await this.page.getByLabel("Ask me first").check();
    }
    await this.start.click();
    const chat = new ChatPage(this.page);
    await chat.isReady();
    return chat;
  }

  async isShownBecause(reason: RegExp) {
    await expect(this.page).toHaveURL(/\/\?notice=/);
    await expect(this.notice).toContainText(reason);
  }
}
