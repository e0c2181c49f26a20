// Starts the built program on a port of its own choice before the tests, and stops it after them.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const root = path.resolve(import.meta.dirname, "..");
/** Cargo's folder for build output. */
export const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
const program = process.env.WATCH_PARTY_PROGRAM ?? path.join(target, "release/watch-party");

const children = new Set<ChildProcess>();
process.on("exit", () => children.forEach((child) => child.kill()));

/** Makes a child end with this process at the latest, so that a failed run leaves nothing behind. */
export function endWithThisProcess(child: ChildProcess) {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

async function address(server: ChildProcess): Promise<string> {
  const lines = createInterface({ input: server.stderr! });
  for await (const line of lines) {
    const found = line.match(/listening on (http:\/\/\S+)/);
    if (found) {
      server.stderr!.resume();
      return found[1];
    }
  }
  throw new Error(`${program} ended before it listened`);
}

export interface Server {
  site: string;
  pid: number;
  /** Kills it at once, as a power failure would. */
  kill(): Promise<void>;
  /** Tells it to stop, and waits until it has stopped. */
  stop(): Promise<void>;
}

// The library itself instead of the `faketime` command, which would be one more process to end.
const FAKETIME = { LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1" };

/**
 * Starts the program with its chats in `folder`, on `port` or on a port of its own choice, with its
 * clock set ahead by `hoursAhead`.
 */
export async function startServer(folder: string, port = 0, hoursAhead = 0): Promise<Server> {
  return start(folder, port, hoursAhead ? { ...FAKETIME, FAKETIME: `+${hoursAhead}h` } : {});
}

/** A server whose clock moves only on demand, so that no limit expires by itself, however long a test takes. */
export async function startStandingServer(folder: string) {
  const file = path.join(folder, "time");
  // The browsers' clocks must agree with it, or pages would take new sessions for old ones.
  let seconds = Math.floor(Date.now() / 1_000);
  const show = () => writeFile(file, new Date(seconds * 1_000).toISOString().slice(0, 19).replace("T", " "));
  await show();
  const clock = { ...FAKETIME, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: "1", TZ: "UTC" };
  const server = await start(folder, 0, clock);
  const advance = async (by: number) => {
    seconds += by;
    await show();
  };
  return { ...server, advance };
}

/** Starts the program without limits on rates, for measurements. */
export async function startUnlimitedServer(store = "memory", variables: Variables = {}): Promise<Server> {
  return start(tmpdir(), 0, { WATCH_PARTY_STORE: store, WATCH_PARTY_RATE_LIMIT: "off", ...variables });
}

/** Environment variables; an undefined one is removed. */
export type Variables = Record<string, string | undefined>;

async function start(folder: string, port: number, variables: Variables): Promise<Server> {
  const server = spawn(program, [], {
    // It needs no file beside its database.
    cwd: folder,
    env: {
      ...process.env,
      LEPTOS_SITE_ADDR: `127.0.0.1:${port}`,
      WATCH_PARTY_STORE: `sqlite:${path.join(folder, "chats.db")}`,
      WATCH_PARTY_RATE_LIMIT: "on",
      // The tests send the addresses of their people themselves, because limits count by address.
      WATCH_PARTY_TRUSTED_PROXIES: "127.0.0.1",
      WATCH_PARTY_LOG: "info",
      NO_COLOR: "1",
      ...variables,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithThisProcess(server);
  const end = async (signal: NodeJS.Signals) => {
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  };
  return { site: await address(server), pid: server.pid!, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}

/** A new folder in `parent`, and a function that removes it. */
export async function newFolder(parent = tmpdir()) {
  const folder = await mkdtemp(path.join(parent, "watch-party-"));
  return { folder, remove: () => rm(folder, { recursive: true }) };
}

export default async function startForAll() {
  const { folder, remove } = await newFolder();
  const server = await startServer(folder);
  process.env.WATCH_PARTY_SITE = server.site;
  return async () => {
    await server.stop();
    await remove();
  };
}
