// How much is measured.
import type { Variables } from "../server.ts";

const FULL = { rounds: 9, seconds: 1, starts: 9, stored: 100_000, chats: 20_000, connections: 2_000 };
const QUICK = { rounds: 1, seconds: 1, starts: 3, stored: 2_000, chats: 2_000, connections: 300 };

/** `QUICK=1` makes a small run. */
export const SCALE = process.env.QUICK ? QUICK : FULL;
/** Worker threads of the program, and worker processes of nginx. */
export const WORKERS = Number(process.env.WORKERS ?? 1);
/** The program's environment. */
export const VARIABLES: Variables = {
  TOKIO_WORKER_THREADS: String(WORKERS),
  // As by default. The other tests send their own addresses.
  WATCH_PARTY_TRUSTED_PROXIES: undefined,
};
