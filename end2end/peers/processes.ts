// Starts the servers that are compared, and reads what their processes use.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { endWithThisProcess } from "../server.ts";

/** How often the kernel counts in a second (`getconf CLK_TCK`). */
const TICKS = 100;

/** A process and all its descendants. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(family)];
}

/** The processor time that a server's processes have used, in seconds. */
export function cpuSeconds(pid: number): number {
  const ticks = family(pid).map((process) => {
    const stat = readFileSync(`/proc/${process}/stat`, "utf8");
    // The fields after the program's name, which may contain spaces: `utime` and `stime` are the 12th and 13th.
    const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
    return user + system;
  });
  return ticks.reduce((sum, one) => sum + one) / TICKS;
}

/** The resident memory of a server's processes, in bytes. Pages that they share count for each of them. */
export function residentBytes(pid: number): number {
  const sizes = family(pid).map((process) => {
    const status = readFileSync(`/proc/${process}/status`, "utf8");
    return Number(status.match(/^VmRSS:\s+(\d+) kB/m)![1]) * 1024;
  });
  return sizes.reduce((sum, one) => sum + one);
}

/** Time until memory that a server allocates after its answer is counted. */
const SETTLE = 500;
/** The bytes of resident memory that `act` adds to a server. */
export async function growth(pid: number, act: () => Promise<unknown>): Promise<number> {
  await sleep(SETTLE);
  const before = residentBytes(pid);
  await act();
  await sleep(SETTLE);
  return residentBytes(pid) - before;
}

/** A server that listens on a port of the loopback interface. */
export interface Peer {
  pid: number;
  port: number;
  stop(): Promise<void>;
}

async function isUp(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

/** Starts a program that will listen on `port`, with the working directory `folder`. */
export async function startPeer(port: number, folder: string, program: string, options: string[]): Promise<Peer> {
  const peer: ChildProcess = spawn(program, options, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  endWithThisProcess(peer);
  let log = "";
  peer.stderr!.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-4_000)));
  const ended = once(peer, "exit");
  while (!(await isUp(port))) {
    if (peer.exitCode !== null) {
      throw new Error(`${program} ended before it listened: ${log}`);
    }
    await sleep(5);
  }
  const stop = async () => {
    peer.kill("SIGTERM");
    await ended;
  };
  return { pid: peer.pid!, port, stop };
}
