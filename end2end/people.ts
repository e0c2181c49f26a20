// People in the roles that a chat has, each in a browser of their own.
import type { Page } from "@playwright/test";
import { ChatPage } from "./pages/chat.ts";
import { HomePage } from "./pages/home.ts";
import { JoinPage } from "./pages/join.ts";

export abstract class People {
  /** A browser that has never been here. */
  abstract newcomer(): Promise<Page>;

  /** Someone who has started a chat. */
  async owner(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    return home.startChat(username, chatName);
  }

  /** Someone who has started a chat that one enters only when let in. */
  async gatekeeper(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    return home.startChat(username, chatName, "Ask me first");
  }

  /** Someone who has started a chat that anyone may enter who picks a name. */
  async host(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    const asked = await home.startChatroom(chatName);
    await asked.isReady();
    return asked.enterAs(username);
  }

  /** Someone who came by a magic link and waits to be let in. */
  async knocker(link: string, username = "Bob"): Promise<JoinPage> {
    return new JoinPage(await this.newcomer()).askAs(link, username);
  }

  /** Someone who came by a magic link. */
  async guest(link: string, username = "Bob"): Promise<ChatPage> {
    const join = await new JoinPage(await this.newcomer()).open(link);
    return join.joinAs(username);
  }
}
