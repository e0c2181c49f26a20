// What the program needs: time to start, memory and disk. The peers' memory too, to compare.
import { once } from "node:events";
import { mkdir, readdir, stat } from "node:fs/promises";
import { Agent, request } from "node:http";
import path from "node:path";
import { startUnlimitedServer, type Variables } from "../server.ts";
import { whole } from "./comparison.ts";
import {
  asPeer,
  bytesPerConnection,
  nchanOpening,
  type Opening,
  otherOpening,
  programOpening,
  readChats,
  storeMembers,
  type Transport,
} from "./connections.ts";
import { hasHackchat, startHackchat } from "./hackchat.ts";
import { hasInspircd, startInspircd } from "./inspircd.ts";
import { expect, median } from "./load.ts";
import { hasNchan, startNchan } from "./nginx.ts";
import { growth, type Peer, residentBytes } from "./processes.ts";
import { SCALE, VARIABLES, WORKERS } from "./scale.ts";

/** Connections on which chats are created. */
const CREATORS = 64;

/** Spawns the program, and returns the milliseconds until its first answer to `/healthz`. */
async function timeToFirstAnswer(store: string, variables: Variables): Promise<number> {
  const begin = performance.now();
  const server = await startUnlimitedServer(store, variables);
  await expect({ url: `${server.site}/healthz` }, 200);
  const time = performance.now() - begin;
  await server.stop();
  return time;
}

/** Creates chats with one member each. */
async function createChats(site: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CREATORS });
  const headers = { "content-type": "application/json" };
  let left = count;
  const create = async () => {
    while (left > 0) {
      left -= 1;
      const sent = request(`${site}/create`, { agent, method: "POST", headers });
      sent.end('{"username": "Ann"}');
      const [answer] = await once(sent, "response");
      answer.resume();
      await once(answer, "end");
      if (answer.statusCode !== 201) {
        throw new Error(`/create answered ${answer.statusCode}`);
      }
    }
  };
  await Promise.all(Array.from({ length: CREATORS }, create));
  agent.destroy();
}

/** Makes a database in `folder` that contains as many chats, and returns its store and its size in bytes. */
async function storeChats(folder: string, count: number) {
  await mkdir(folder, { recursive: true });
  const store = `sqlite:${path.join(folder, "chats.db")}`;
  const server = await startUnlimitedServer(store);
  await createChats(server.site, count);
  await server.stop();
  const files = (await readdir(folder)).map((file) => path.join(folder, file));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return { store, bytes: sizes.reduce((sum, one) => sum + one) };
}

/** A server that keeps connections open. */
interface Holder {
  name: string;
  start(): Promise<Peer>;
  /** What happens before connections are counted. */
  prepare?(peer: Peer): Promise<void>;
  transports: Transport[];
  opening: Opening;
}

/** A row of the table: the memory of a server at rest, and of its connections by transport. */
async function memoryOf({ name, start, prepare, transports, opening }: Holder): Promise<string> {
  const cells: Partial<Record<Transport, string>> = {};
  let rest = 0;
  for (const transport of transports) {
    // A new process each time, because memory that a process has freed stays resident.
    const peer = await start();
    rest = residentBytes(peer.pid);
    await prepare?.(peer);
    const bytes = await bytesPerConnection(peer, SCALE.connections, transport, opening);
    cells[transport] = `${(bytes / 1024).toFixed(1)} KiB`;
    await peer.stop();
  }
  const row = [name, `${(rest / 2 ** 20).toFixed(1)} MiB`, cells.idle ?? "", cells.SSE ?? "", cells.WebSocket];
  return `| ${row.join(" | ")} |`;
}

/** What the program needs, and what peers need for the same. */
export async function measureFootprint(folder: string): Promise<string> {
  const times: number[][] = [[], []];
  const stored = await storeChats(path.join(folder, "stored"), SCALE.stored);
  for (let start = 0; start < SCALE.starts; start++) {
    const empty = path.join(folder, `empty${start}`);
    await mkdir(empty);
    times[0].push(await timeToFirstAnswer(`sqlite:${path.join(empty, "chats.db")}`, VARIABLES));
    times[1].push(await timeToFirstAnswer(stored.store, VARIABLES));
  }
  const [empty, full] = times.map((all) => {
    const range = `${whole(Math.min(...all))}–${whole(Math.max(...all))}`;
    return `${whole(median(all))} ms (${range})`;
  });
  const program = await startUnlimitedServer("memory", VARIABLES);
  const inMemory = await growth(program.pid, async () => createChats(program.site, SCALE.chats));
  await program.stop();

  const seats = `sqlite:${path.join(folder, "seats.db")}`;
  const chats = await storeMembers(seats, SCALE.connections);
  const servers: Holder[] = [
    {
      name: "program",
      // Otherwise the allocator would return during the measurement what the start has freed.
      start: async () => asPeer(await startUnlimitedServer(seats, { ...VARIABLES, MIMALLOC_PURGE_DELAY: "0" })),
      prepare: async (peer) => readChats(peer, chats),
      transports: ["idle", "SSE", "WebSocket"],
      opening: programOpening(chats),
    },
  ];
  const again = (name: string) => path.join(folder, `${name}-connections`);
  if (hasNchan) {
    const start = async () => startNchan(WORKERS, again("nchan"));
    const transports: Transport[] = ["idle", "SSE", "WebSocket"];
    servers.push({ name: "nginx with nchan", start, transports, opening: nchanOpening });
  }
  if (hasHackchat) {
    const start = async () => startHackchat(again("hackchat"));
    servers.push({ name: "hackchat-server", start, transports: ["WebSocket"], opening: otherOpening });
  }
  if (hasInspircd) {
    const start = async () => startInspircd(again("inspircd"));
    servers.push({ name: "InspIRCd", start, transports: ["WebSocket"], opening: otherOpening });
  }
  const memory: string[] = [];
  for (const server of servers) {
    memory.push(await memoryOf(server));
  }
  return `What the program needs (times: median and range of ${SCALE.starts} starts, in turns)

| what | value |
|---|---:|
| from its start to the first answer, empty database | ${empty} |
| the same, ${whole(SCALE.stored)} stored chats | ${full} |
| resident memory for 1,000 idle chats | ${((inMemory / SCALE.chats) * 1_000 / 2 ** 20).toFixed(1)} MiB |
| disk for 1,000 idle chats | ${((stored.bytes / SCALE.stored) * 1_000 / 2 ** 20).toFixed(1)} MiB |

Resident memory of all processes after the start, and for each of ${whole(SCALE.connections)} open connections

| server | after the start | idle, keep-alive | server-sent events | WebSocket |
|---|---:|---:|---:|---:|
${memory.join("\n")}`;
}
