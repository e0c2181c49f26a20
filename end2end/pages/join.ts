// Where a magic link leads.
import { expect, type Locator, type Page } from "@playwright/test";
import { ChatPage } from "./chat.ts";

export class JoinPage {
  readonly username: Locator;
  readonly join: Locator;

  constructor(readonly page: Page) {
    this.username = page.getByLabel("Your name");
    this.join = page.getByRole("button", { name: "Join" });
  }

  async open(link: string) {
    await this.page.goto(link);
    await this.isReady();
    return this;
  }

  async isReady() {
    await expect(this.join).toBeEnabled();
  }

  async joinAs(username: string) {
    await this.username.fill(username);
    await this.join.click();
    const chat = new ChatPage(this.page);
    await chat.isReady();
    return chat;
  }
}
