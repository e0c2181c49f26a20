// The page of a chat, as its members see it.
import type { Locator, Page } from "@playwright/test";
import { expect } from "../expect.ts";

export class ChatPage {
  readonly box: Locator;
  readonly send: Locator;
  readonly log: Locator;
  readonly messages: Locator;
  readonly newMessages: Locator;
  readonly members: Locator;
  readonly kept: Locator;
  readonly typing: Locator;
  readonly knocks: Locator;
  readonly links: Locator;
  /** The account's sessions, one for each browser; the People panel is open. */
  readonly sessions: Locator;

  constructor(readonly page: Page) {
    this.box = page.getByRole("textbox", { name: "Message" });
    this.send = page.getByRole("button", { name: "Send" });
    this.log = page.getByRole("log", { name: "Messages" });
    this.messages = this.log.locator("li.message:not(.waiting)");
    this.newMessages = page.getByRole("button", { name: "New messages" });
    this.members = page.locator(".members li");
    this.typing = page.locator(".typing");
    this.knocks = page.getByRole("region", { name: "Requests to join" });
    this.links = page.locator(".invites li");
    this.sessions = page.locator(".sessions li");
    this.kept = page.locator(".panel", { has: page.getByRole("heading", { name: "What is kept" }) });
  }

  async isReady() {
    await expect(this.page).toHaveURL(/\/(chat\/[0-9a-f-]{36}|chatrooms\/[0-9a-f-]{36}\/)$/);
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
    await this.openInvite();
    const input = this.page.getByLabel("Invite link", { exact: true });
    await expect(input).toHaveValue(/\/join\/[0-9a-f-]{36}#\S{43}$/);
    const link = await input.inputValue();
    await this.openInvite();
    return link;
  }

  /** Removes a member; the caller is an owner, and the People panel is open. */
  async remove(username: string, how: "Remove" | "Remove and revoke the link" = "Remove") {
    await this.page.getByRole("button", { name: `Remove ${username}` }).click();
    await this.removal(username).getByRole("button", { name: how, exact: true }).click();
  }

  /** The confirmation before a member is removed. */
  removal(username: string) {
    return this.page.getByRole("group", { name: `Remove ${username}?` });
  }

  /** This browser's seat, from its storage. */
  async seat() {
    return this.page.evaluate(() => {
      const key = Object.keys(localStorage).find((key) => key.startsWith("watch-party/chat/"))!;
      return { id: key.split("/").pop()!, ...JSON.parse(localStorage[key]) };
    });
  }

  /** The address at the bottom of a chat that people enter by its address. */
  async shareLink(): Promise<string> {
    const input = this.page.getByLabel("Share link");
    await expect(input).toBeInViewport({ ratio: 1 });
    await expect(input).toHaveValue(/\/chatrooms\/[0-9a-f-]{36}\/$/);
    return input.inputValue();
  }

  async approve(username: string) {
    await this.page.getByRole("button", { name: `Approve ${username}` }).click();
  }

  async decline(username: string) {
    await this.page.getByRole("button", { name: `Decline ${username}` }).click();
  }

  async openInvite() {
    await this.page.locator(".bar summary", { hasText: "Invite" }).click();
  }

  /** Makes a link with its own terms; the Invite panel is open. */
  async makeLink(terms: { label?: string; uses?: number; life?: string; asksFirst?: boolean }): Promise<string> {
    await this.page.locator("summary", { hasText: "New link" }).click();
    await this.page.getByLabel("Label (only owners see it)").fill(terms.label ?? "");
    await this.page.getByLabel("Maximum uses").fill(terms.uses?.toString() ?? "");
    await this.page.getByLabel("Valid for").selectOption({ label: terms.life ?? "as long as the chat exists" });
    if (terms.asksFirst !== undefined) {
      await this.page.getByLabel("Ask me before someone joins").setChecked(terms.asksFirst);
    }
    const input = this.page.getByLabel("Invite link", { exact: true });
    const before = await input.inputValue();
    await this.page.getByRole("button", { name: "Create link" }).click();
    await expect(input).not.toHaveValue(before);
    await this.page.locator("summary", { hasText: "New link" }).click();
    return input.inputValue();
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
