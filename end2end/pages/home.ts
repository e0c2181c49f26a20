// The start page.
import type { Locator, Page } from "@playwright/test";
import { expect } from "../expect.ts";
import { ChatPage } from "./chat.ts";
import { SessionPage } from "./session.ts";

/** Who may join, in the words of the page. */
export type Admission =
  | "Anyone with an invite link"
  | "Ask me first"
  | "Members with a password"
  | "Open chat";

export class HomePage {
  readonly username: Locator;
  readonly chatName: Locator;
  readonly password: Locator;
  readonly start: Locator;
  readonly notice: Locator;
  readonly yourChats: Locator;

  constructor(readonly page: Page) {
    this.username = page.getByLabel("Your name");
    this.chatName = page.getByLabel("Chat name");
    this.password = page.getByLabel("Your password");
    this.start = page.getByRole("button", { name: "Start a chat" });
    this.notice = page.locator(".notice");
    this.yourChats = page.getByRole("region", { name: "Your chats" });
  }

  async open(site = "/") {
    await this.page.goto(site);
    await this.isReady();
    return this;
  }

  /** Waits until the page is hydrated. Its form works before. */
  async isReady() {
    await expect(this.page.locator("[data-hydration=done] body")).toHaveCount(1);
    await expect(this.start).toBeEnabled();
  }

  async startChat(username: string, chatName = "", admission: Admission = "Anyone with an invite link") {
    await this.username.fill(username);
    await this.chatName.fill(chatName);
    await this.choose(admission);
    if (admission === "Members with a password") {
      await this.password.fill("correct horse");
    }
    await this.start.click();
    const chat = new ChatPage(this.page);
    await chat.isReady();
    return chat;
  }

  async choose(admission: Admission) {
    await this.page.getByLabel(admission).check();
  }

  /** Starts a chat that anyone who picks a name can enter. This form asks for no name. */
  async startChatroom(name: string) {
    await this.choose("Open chat");
    await expect(this.username).toBeHidden();
    await this.chatName.fill(name);
    await this.start.click();
    return new SessionPage(this.page);
  }

  async isShownBecause(reason: RegExp) {
    await expect(this.page).toHaveURL(/\/\?notice=/);
    await expect(this.notice).toContainText(reason);
  }
}
