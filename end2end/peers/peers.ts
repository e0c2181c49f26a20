// Compares the program with other servers: polls, posts, deliveries, files and the start page. Then measures its start
// and its memory. Prints tables, and asserts nothing about time.
//
// A peer that is not installed is left out. `QUICK=1 npx playwright test --config peers.config.ts` is a small run.
import path from "node:path";
import { test as base } from "@playwright/test";
import { newFolder, target } from "../server.ts";
import { compare, CONNECTIONS, TABLE_HEAD } from "./comparison.ts";
import { files } from "./files.ts";
import { measureFootprint } from "./footprint.ts";
import { hasHackchat, startHackchat } from "./hackchat.ts";
import { hasInspircd, startInspircd } from "./inspircd.ts";
import { messaging, startProgram } from "./messaging.ts";
import { hasNchan, hasNginx, startNchan } from "./nginx.ts";
import type { Peer } from "./processes.ts";
import { compareDeliveries, hackchatRooms, inspircdRooms, nchanRooms, programRooms } from "./rooms.ts";
import { SCALE, WORKERS } from "./scale.ts";

interface Peers {
  nchan?: Peer;
  hackchat?: Peer;
  inspircd?: Peer;
}

/** Starts the peers that are installed, and says which are not. */
async function startPeers(folder: string): Promise<Peers> {
  const absent = (name: string) => console.log(`==> ${name} is not installed: its rows are left out`);
  return {
    nchan: hasNchan ? await startNchan(WORKERS, path.join(folder, "nchan")) : void absent("nginx with nchan"),
    hackchat: hasHackchat ? await startHackchat(path.join(folder, "hackchat")) : void absent("hackchat-server"),
    inspircd: hasInspircd ? await startInspircd(path.join(folder, "inspircd")) : void absent("InspIRCd"),
  };
}

async function compareAll(folder: string): Promise<string> {
  const programs = [
    await startProgram("memory", "memory"),
    await startProgram("SQLite", `sqlite:${path.join(folder, "chats.db")}`),
  ];
  const { nchan, hackchat, inspircd } = await startPeers(folder);
  const rows = [];
  const comparisons = nchan ? await messaging(programs, nchan) : [];
  const served = hasNginx ? await files(programs[0].server, path.join(folder, "files")) : undefined;
  for (const comparison of [...comparisons, ...(served?.comparisons ?? [])]) {
    rows.push(...(await compare(comparison)));
  }
  const talkers = programs.map(({ name, server }) => ({ name, pid: server.pid, open: programRooms(server.site) }));
  const others = [
    ...(nchan ? [{ name: "nginx with nchan", pid: nchan.pid, open: nchanRooms(nchan.port) }] : []),
    ...(hackchat ? [{ name: "hackchat-server", pid: hackchat.pid, open: hackchatRooms(hackchat.port) }] : []),
    ...(inspircd ? [{ name: "InspIRCd", pid: inspircd.pid, open: inspircdRooms(inspircd.port) }] : []),
  ];
  for (const chats of CONNECTIONS) {
    rows.push(...(await compareDeliveries(talkers, others, chats)));
  }
  const started = [nchan, hackchat, inspircd, served?.nginx, ...programs.map(({ server }) => server)];
  await Promise.all(started.map((server) => server?.stop()));
  return `Work in a second, and processor time for each piece of it, in turns (median of ${SCALE.rounds} rounds of \
${SCALE.seconds} s each); worker threads of the program and worker processes of nginx: ${WORKERS} each

${TABLE_HEAD}
${rows.join("\n")}`;
}

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    // On the disk, because the system's temporary folder may be in memory.
    const { folder, remove } = await newFolder(target);
    await use(folder);
    await remove();
  },
});

test("peers", async ({ folder }) => {
  // Ends a run that hangs.
  test.setTimeout(3_600_000);
  console.log(`\n${await compareAll(folder)}\n`);
});

test("footprint", async ({ folder }) => {
  test.setTimeout(3_600_000);
  console.log(`\n${await measureFootprint(folder)}\n`);
});
