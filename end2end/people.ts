// People in the roles of a chat, each in their own browser.
import type { Page } from "@playwright/test";
import { ChatPage } from "./pages/chat.ts";
import { HomePage } from "./pages/home.ts";
import { JoinPage } from "./pages/join.ts";

export abstract class People {
  /** A browser that has not used the site before. */
  abstract newcomer(): Promise<Page>;

  /** An owner who has started a chat that people join with a link. */
  async owner(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    return home.startChat(username, chatName);
  }

  /** An owner who has started a chat in which they approve each guest. */
  async gatekeeper(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    return home.startChat(username, chatName, "Ask me first");
  }

  /** An owner who has started a chat that anyone who picks a name can enter. */
  async host(username = "Ann", chatName = "Movie night", site = "/"): Promise<ChatPage> {
    const home = await new HomePage(await this.newcomer()).open(site);
    const asked = await home.startChatroom(chatName);
    await asked.isReady();
    return asked.enterAs(username);
  }

  /** A guest who has opened a magic link and waits for approval. */
  async knocker(link: string, username = "Bob"): Promise<JoinPage> {
    return new JoinPage(await this.newcomer()).askAs(link, username);
  }

  /** A guest who has joined with a magic link. */
  async guest(link: string, username = "Bob"): Promise<ChatPage> {
    const join = await new JoinPage(await this.newcomer()).open(link);
    return join.joinAs(username);
  }
}
