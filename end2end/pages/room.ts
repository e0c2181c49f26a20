// The page where members with a password register and log in.
import type { Locator, Page } from "@playwright/test";
import { expect } from "../expect.ts";
import { ChatPage } from "./chat.ts";

export class RoomPage {
  readonly username: Locator;
  readonly password: Locator;
  readonly again: Locator;
  readonly logIn: Locator;
  readonly register: Locator;
  /** The messages that anyone can read without logging in. */
  readonly messages: Locator;

  constructor(readonly page: Page) {
    this.username = page.getByLabel("Your name");
    this.password = page.getByLabel("Password", { exact: true });
    this.again = page.getByLabel("Repeat password");
    this.logIn = page.getByRole("button", { name: "Log in", exact: true });
    this.messages = page.getByRole("log", { name: "Messages" }).locator(".text");
    this.register = page.getByRole("button", { name: "Register and join" });
  }

  async open(link: string) {
    await this.page.goto(link);
    await this.isReady();
    return this;
  }

  async isReady() {
    await expect(this.page).toHaveURL(/\/room\/[0-9a-f-]{36}/);
    await expect(this.logIn).toBeEnabled();
  }

  async registerAs(username: string, password: string, again = password) {
    if (await this.again.isHidden()) {
      await this.page.getByRole("button", { name: "I don't have an account yet" }).click();
    }
    await this.username.fill(username);
    await this.password.fill(password);
    await this.again.fill(again);
    await this.register.click();
  }

  async logInAs(username: string, password: string) {
    await this.username.fill(username);
    await this.password.fill(password);
    await this.logIn.click();
  }

  /** Waits until the member is in the chat. */
  async isIn() {
    const chat = new ChatPage(this.page);
    await chat.isReady();
    return chat;
  }
}
