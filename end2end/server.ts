// Starts the built program on a port of its own choice before the tests, and ends it after.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const root = path.resolve(import.meta.dirname, "..");
const program =
  process.env.WATCH_PARTY_PROGRAM ??
  path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "release/watch-party");

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
  /** Ends it where it stands, as a power cut would. */
  kill(): Promise<void>;
  /** Tells it to stop, and waits until it has. */
  stop(): Promise<void>;
}

/**
 * Starts the program with its chats in `folder`; at `port`, or at one of its own choice; its clock
 * so many hours ahead.
 */
export async function startServer(folder: string, port = 0, hoursAhead = 0): Promise<Server> {
  // The library itself, and not the command of that name: that would be one more process to end.
  const clock = { LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1", FAKETIME: `+${hoursAhead}h` };
  const server = spawn(program, [], {
    cwd: root,
    env: {
      ...process.env,
      ...(hoursAhead ? clock : {}),
      LEPTOS_SITE_ADDR: `127.0.0.1:${port}`,
      WATCH_PARTY_STORE: `sqlite:${path.join(folder, "chats.db")}`,
      WATCH_PARTY_RATE_LIMIT: "off",
      WATCH_PARTY_LOG: "info",
      NO_COLOR: "1",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const end = async (signal: NodeJS.Signals) => {
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  };
  return { site: await address(server), kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}

/** A folder of its own, and how to be rid of it. */
export async function newFolder() {
  const folder = await mkdtemp(path.join(tmpdir(), "watch-party-"));
  return { folder, remove: () => rm(folder, { recursive: true }) };
}

export default async function start() {
  const { folder, remove } = await newFolder();
  const server = await startServer(folder);
  process.env.WATCH_PARTY_SITE = server.site;
  return async () => {
    await server.stop();
    await remove();
  };
}
