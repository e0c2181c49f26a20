// Chats of several members, by each server's own protocol: who posts, and who receives it over a WebSocket.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import WebSocket from "ws";
import { compare } from "./comparison.ts";
import { type Contestant, expect } from "./load.ts";

/** Members of a chat, who all follow it. One of them posts. */
export const MEMBERS = 6;
/** What is posted: 50 characters. */
export const TEXT = "Shall we begin? I have the tickets and the popcorn";

/** A chat whose members follow it. `post` sends the text; `received` is called when a member has received it. */
interface Room {
  post(): void;
  received: () => void;
  close(): void;
}

/** Opens a chat with a number that no other has. */
type OpenRoom = (number: number) => Promise<Room>;

async function openSocket(address: string, headers: Record<string, string>, isReady: (text: string) => boolean) {
  const socket = new WebSocket(address, { headers, perMessageDeflate: false });
  const ready = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.on("message", (text) => isReady(String(text)) && resolve());
  });
  await once(socket, "open");
  return { socket, ready };
}

function room(sockets: WebSocket[], post: () => void, more?: Socket): Room {
  const close = () => {
    sockets.forEach((socket) => socket.terminate());
    more?.destroy();
  };
  const opened: Room = { post, received: () => {}, close };
  const text = Buffer.from(TEXT);
  for (const socket of sockets) {
    socket.on("message", (data) => (data as Buffer).includes(text) && opened.received());
  }
  return opened;
}

/** A connection that sends the same POST each time, and ignores the answers: the followers notice a missing post. */
async function poster(address: string, headers: string): Promise<{ connection: Socket; post: () => void }> {
  const { hostname, port, pathname } = new URL(address);
  const connection = connect(Number(port), hostname).setNoDelay(true);
  await once(connection, "connect");
  connection.resume();
  const head = `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: text/plain\r\n${headers}`;
  const request = `${head}content-length: ${TEXT.length}\r\n\r\n${TEXT}`;
  return { connection, post: () => connection.write(request) };
}

export interface Chat {
  address: string;
  tokens: string[];
}

async function call(url: string, body: object) {
  const headers = { "content-type": "application/json" };
  const answer = await expect({ url, method: "POST", headers, body: JSON.stringify(body) }, 201);
  return JSON.parse(answer.body.toString());
}

/** Creates a chat of the program with as many members. */
export async function createChat(site: string, members: number): Promise<Chat> {
  const { chat_id, session_token, invite } = await call(`${site}/create`, { username: "Ann", capacity: members });
  const address = `${site}/${chat_id}`;
  const tokens = [session_token];
  while (tokens.length < members) {
    const guest = { key: invite.key, username: `Guest ${tokens.length}` };
    tokens.push((await call(`${address}/join`, guest)).session_token);
  }
  return { address, tokens };
}

export function programRooms(site: string): OpenRoom {
  return async () => {
    const { address, tokens } = await createChat(site, MEMBERS);
    const { connection, post } = await poster(address, `authorization: Bearer ${tokens[0]}\r\n`);
    const live = `${address.replace("http", "ws")}/live`;
    const opened = await Promise.all(
      tokens.map((token) => openSocket(live, { authorization: `Bearer ${token}` }, (text) => text.includes("opened"))),
    );
    await Promise.all(opened.map(({ ready }) => ready));
    return room(opened.map(({ socket }) => socket), post, connection);
  };
}

export function nchanRooms(port: number): OpenRoom {
  return async (number) => {
    const channel = `room${number}`;
    const { connection, post } = await poster(`http://127.0.0.1:${port}/post/${channel}`, "");
    const live = `ws://127.0.0.1:${port}/live/${channel}`;
    const opened = await Promise.all(Array.from({ length: MEMBERS }, () => openSocket(live, {}, () => true)));
    return room(opened.map(({ socket }) => socket), post, connection);
  };
}

export function hackchatRooms(port: number): OpenRoom {
  return async (number) => {
    const open = async () => openSocket(`ws://127.0.0.1:${port}/`, {}, (text) => text.includes("joined"));
    const opened = await Promise.all(Array.from({ length: MEMBERS }, open));
    const sockets = opened.map(({ socket }) => socket);
    sockets.forEach((socket) => socket.send(JSON.stringify({ cmd: "join", channel: `room${number}` })));
    await Promise.all(opened.map(({ ready }) => ready));
    const message = JSON.stringify({ cmd: "chat", text: TEXT });
    return room(sockets, () => sockets[0].send(message));
  };
}

export function inspircdRooms(port: number): OpenRoom {
  return async (number) => {
    const sockets: Awaited<ReturnType<typeof openSocket>>[] = [];
    for (let member = 0; member < MEMBERS; member++) {
      const headers = { origin: "http://irc.local" };
      const registered = await openSocket(`ws://127.0.0.1:${port}/`, headers, (line) => / 422 | 376 /.test(line));
      const name = `r${number}m${member}`;
      const lines = ["CAP REQ :echo-message", `NICK ${name}`, `USER ${name} 0 * :${name}`, "CAP END"];
      lines.forEach((line) => registered.socket.send(line));
      sockets.push(registered);
    }
    await Promise.all(sockets.map(({ ready }) => ready));
    const joined = sockets.map(({ socket }) => {
      const answered = new Promise<void>((resolve) => {
        socket.on("message", (line) => String(line).includes(" 366 ") && resolve());
      });
      socket.send(`JOIN #room${number}`);
      return answered;
    });
    await Promise.all(joined);
    return room(sockets.map(({ socket }) => socket), () => sockets[0].socket.send(`PRIVMSG #room${number} :${TEXT}`));
  };
}

/** Posts in all rooms; in each, the next post follows when all members have received the last one. */
function deliver(name: string, pid: number, rooms: Room[]): Contestant {
  const work = async (seconds: number) => {
    const begin = performance.now();
    const end = begin + seconds * 1_000;
    let count = 0;
    const talk = async (room: Room) =>
      new Promise<void>((resolve) => {
        let missing = MEMBERS;
        room.received = () => {
          count += 1;
          missing -= 1;
          if (missing === 0 && performance.now() < end) {
            missing = MEMBERS;
            room.post();
          } else if (missing === 0) {
            resolve();
          }
        };
        room.post();
      });
    await Promise.all(rooms.map(talk));
    return { count, rate: count / ((performance.now() - begin) / 1_000) };
  };
  return { name, pid, work };
}

/** A server that delivers posts over WebSockets. */
export interface Talker {
  name: string;
  pid: number;
  open: OpenRoom;
}

/** Deliveries to the members of some chats, which exist only while this is measured. */
export async function compareDeliveries(programs: Talker[], peers: Talker[], chats: number): Promise<string[]> {
  const contestants: Contestant[] = [];
  const opened: Room[] = [];
  for (const { name, pid, open } of [...programs, ...peers]) {
    const rooms = await Promise.all(Array.from({ length: chats }, (_, number) => open(number)));
    opened.push(...rooms);
    contestants.push(deliver(name, pid, rooms));
  }
  const rows = await compare({
    call: "deliveries to chats of 6",
    connections: chats,
    programs: contestants.slice(0, programs.length),
    peers: contestants.slice(programs.length),
  });
  opened.forEach((room) => room.close());
  return rows;
}
