// Polls and posts, beside nginx with nchan.
import { type Server, startUnlimitedServer } from "../server.ts";
import { type Comparison, CONNECTIONS, kilobytes } from "./comparison.ts";
import { expect, type Request, repeat } from "./load.ts";
import type { Peer } from "./processes.ts";
import { type Chat, createChat, TEXT } from "./rooms.ts";
import { VARIABLES } from "./scale.ts";

/** Messages that a chat keeps, if it is created without a number. */
const KEPT = 30;

const authorized = (token: string, accept = "application/json") => ({ authorization: `Bearer ${token}`, accept });

/** The program with a store, and two of its chats: one is full and does not change, and the other is posted to. */
export interface Program {
  name: string;
  server: Server;
  full: Chat;
  posted: Chat;
}

export async function startProgram(name: string, store: string): Promise<Program> {
  const server = await startUnlimitedServer(store, VARIABLES);
  const [full, posted] = [await createChat(server.site, 1), await createChat(server.site, 1)];
  for (let message = 0; message < KEPT; message++) {
    await expect(postTo(full), 201);
  }
  return { name, server, full, posted };
}

const postTo = (chat: Chat): Request => ({
  url: chat.address,
  method: "POST",
  headers: { ...authorized(chat.tokens[0]), "content-type": "text/plain" },
  body: TEXT,
});

const pollOf = ({ address, tokens }: Chat, after: number): Request => ({
  url: `${address}?after=${after}`,
  headers: authorized(tokens[0]),
});

/** Polls and posts beside nchan, whose kept messages are as long as those in the program's answer. */
export async function messaging(programs: Program[], nchan: Peer): Promise<Comparison[]> {
  const site = `http://127.0.0.1:${nchan.port}`;
  const { body } = await expect(pollOf(programs[0].full, 0), 200);
  for (const message of JSON.parse(body.toString()).messages) {
    const body = JSON.stringify(message);
    await expect({ url: `${site}/post/full`, method: "POST", body }, 201, 202);
  }
  const all: Request = { url: `${site}/kept/full` };
  const newest = await expect(all, 200);
  const { etag, "last-modified": modified } = newest.headers;
  const news: Request = {
    url: `${site}/poll/full`,
    headers: { "if-none-match": etag, "if-modified-since": modified },
  };
  await expect(news, 304);
  const post: Request = {
    url: `${site}/post/posted`,
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: TEXT,
  };
  const calls: [string, (program: Program) => Request, Request][] = [
    ["poll without news", ({ full }) => pollOf(full, KEPT), news],
    [`poll with ${KEPT} messages, ${kilobytes(body.length)}`, ({ full }) => pollOf(full, 0), all],
    ["post", ({ posted }) => postTo(posted), post],
  ];
  return calls.flatMap(([call, own, other]) =>
    CONNECTIONS.map((connections) => ({
      call,
      connections,
      programs: programs.map((program) => repeat(program.name, program.server.pid, connections, own(program))),
      peers: [repeat("nginx with nchan", nchan.pid, connections, other)],
    })),
  );
}
