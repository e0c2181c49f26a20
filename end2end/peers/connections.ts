// The memory of open connections.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Server, startUnlimitedServer } from "../server.ts";
import { expect } from "./load.ts";
import { growth, type Peer } from "./processes.ts";
import { type Chat, createChat, MEMBERS } from "./rooms.ts";

export type Transport = "idle" | "SSE" | "WebSocket";

/** The head of a request that a server answers at once, and after which the connection stays open. */
export type Opening = (transport: Transport, number: number) => string;

const UPGRADE = [
  "connection: upgrade",
  "upgrade: websocket",
  "sec-websocket-version: 13",
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];

function head(target: string, headers: string[]): string {
  return [`GET ${target} HTTP/1.1`, "host: 127.0.0.1", ...headers, "", ""].join("\r\n");
}

/** Connections of the members of the program's chats, each in a chat of six. */
export function programOpening(chats: Chat[]): Opening {
  return (transport, number) => {
    const chat = chats[Math.floor(number / MEMBERS)];
    const { pathname } = new URL(chat.address);
    const authorization = `authorization: Bearer ${chat.tokens[number % MEMBERS]}`;
    return {
      idle: head(pathname, [authorization]),
      SSE: head(pathname, [authorization, "accept: text/event-stream"]),
      WebSocket: head(`${pathname}/live`, [authorization, ...UPGRADE]),
    }[transport];
  };
}

/** Connections to nchan, each of six to one channel. */
export const nchanOpening: Opening = (transport, number) => {
  const channel = `open${Math.floor(number / MEMBERS)}`;
  return {
    idle: head("/", []),
    SSE: head(`/live/${channel}`, ["accept: text/event-stream"]),
    WebSocket: head(`/live/${channel}`, UPGRADE),
  }[transport];
};

export const otherOpening: Opening = () => head("/", ["origin: http://irc.local", ...UPGRADE]);

/** The bytes of resident memory that a server needs for each of `count` open connections. */
export async function bytesPerConnection(
  server: { pid: number; port: number },
  count: number,
  transport: Transport,
  opening: Opening,
): Promise<number> {
  const sockets: Socket[] = [];
  const open = async () => {
    for (let number = 0; number < count; number++) {
      const socket = connect(server.port, "127.0.0.1");
      sockets.push(socket);
      socket.write(opening(transport, number));
      const [first] = await once(socket, "data");
      const expected = transport === "WebSocket" ? "HTTP/1.1 101" : "HTTP/1.1 ";
      if (!String(first).startsWith(expected)) {
        throw new Error(`A ${transport} connection was not accepted: ${first}`);
      }
      socket.resume();
    }
  };
  const added = await growth(server.pid, open);
  sockets.forEach((socket) => socket.destroy());
  return added / count;
}

/** The program as a peer. */
export function asPeer({ site, pid, stop }: Server): Peer {
  return { pid, port: Number(new URL(site).port), stop };
}

/** Stores enough chats for `bytesPerConnection`. */
export async function storeMembers(store: string, connections: number): Promise<Chat[]> {
  const server = await startUnlimitedServer(store);
  const chats: Chat[] = [];
  for (let count = 0; count < connections; count += MEMBERS) {
    chats.push(await createChat(server.site, MEMBERS));
  }
  await server.stop();
  return chats;
}

/** Lets the program read its chats. Creating them would leave freed memory for the connections to use. */
export async function readChats({ port }: Peer, chats: Chat[]): Promise<void> {
  for (const { address, tokens } of chats) {
    const url = `http://127.0.0.1:${port}${new URL(address).pathname}`;
    await expect({ url, headers: { authorization: `Bearer ${tokens[0]}` } }, 200);
  }
}
