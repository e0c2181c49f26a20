// A chat as its members see it.
import { expect, type Locator, type Page } from "@playwright/test";

export class ChatPage {
  readonly box: Locator;
  readonly send: Locator;
  readonly log: Locator;
  readonly messages: Locator;
  readonly newMessages: Locator;
  readonly members: Locator;
  readonly kept: Locator;
  readonly typing: Locator;

  constructor(readonly page: Page) {
    this.box = page.getByRole("textbox", { name: "Message" });
    this.send = page.getByRole("button", { name: "Send" });
    this.log = page.getByRole("log", { name: "Messages" });
    this.messages = this.log.locator("li.message:not(.waiting)");
    this.newMessages = page.getByRole("button", { name: "New messages" });
    this.members = page.locator(".members li");
    this.typing = page.locator(".typing");
    this.kept = page.locator(".panel", { has: page.getByRole("heading", { name: "What is kept" }) });
  }

  async isReady() {
    await expect(this.page).toHaveURL(/\/chat\/[0-9a-f-]{36}$/);
    await expect(this.send).toBeEnabled();
    await expect(this.log).not.toContainText("Opening the chat");
  }

  async say(text: string) {
    await this.box.fill(text);
    await this.box.press("Enter");
  }

  async hasTexts(texts: string[]) {
    await expect(this.messages.locator(".text")).toHaveText(texts, { useInnerText: false });
  }

  message(text: string) {
    return this.messages.filter({ hasText: text });
  }

  async magicLink(): Promise<string> {
    await this.page.locator("summary", { hasText: "Invite" }).click();
    const input = this.page.getByLabel("Magic link");
    await expect(input).toHaveValue(/\/join\/[0-9a-f-]{36}#\S{43}$/);
    const link = await input.inputValue();
    await this.page.locator("summary", { hasText: "Invite" }).click();
    return link;
  }

  async openPeople() {
    await this.page.locator("summary", { hasText: "People" }).click();
  }

  async openKept() {
    await this.page.locator("summary", { hasText: "What is kept" }).click();
  }

  async boxIsOnScreen() {
    await expect(this.box).toBeInViewport({ ratio: 1 });
    await expect(this.send).toBeInViewport({ ratio: 1 });
  }
}
