// Measures the program beside its peers, and writes the rows of the table.
import { type Contestant, median, ratio, takeTurns } from "./load.ts";
import { SCALE } from "./scale.ts";

/** Numbers of connections; for deliveries, of chats. */
export const CONNECTIONS = [1, 32];

export const whole = (number: number) => Math.round(number).toLocaleString("en");
const micro = (seconds: number) => `${(seconds * 1e6).toFixed(1)} µs`;
export const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(bytes < 10_000 ? 1 : 0)} KB`;

/** What the program and its peers are put to, at a number of connections. */
export interface Comparison {
  call: string;
  connections: number;
  programs: Contestant[];
  peers: Contestant[];
}

/** Measures all in turns. Returns the table's rows: each store of the program beside each peer. */
export async function compare({ call, connections, programs, peers }: Comparison): Promise<string[]> {
  const measured = await takeTurns([...programs, ...peers], SCALE.rounds, SCALE.seconds);
  const rows: string[] = [];
  for (const [row, program] of programs.entries()) {
    for (const [column, peer] of peers.entries()) {
      const [own, other] = [measured[row], measured[programs.length + column]];
      const [rates, otherRates] = [own, other].map((all) => all.map(({ rate }) => rate));
      const [costs, otherCosts] = [own, other].map((all) => all.map(({ cost }) => cost));
      const cells = [
        call,
        connections,
        program.name,
        peer.name,
        whole(median(rates)),
        whole(median(otherRates)),
        ratio(rates, otherRates).toFixed(2),
        micro(median(costs)),
        micro(median(otherCosts)),
        // Work in a second of processor time is the inverse of the cost.
        ratio(otherCosts, costs).toFixed(2),
      ];
      rows.push(`| ${cells.join(" | ")} |`);
    }
  }
  return rows;
}

const COLUMNS = [
  ["call", "---"],
  ["connections (deliveries: chats)", "---:"],
  ["program's store", "---"],
  ["peer", "---"],
  ["program, per second", "---:"],
  ["peer, per second", "---:"],
  ["program / peer", "---:"],
  ["program's CPU for each", "---:"],
  ["peer's CPU for each", "---:"],
  ["program / peer, per CPU second", "---:"],
];

/** The first two lines of the table. */
export const TABLE_HEAD = `| ${COLUMNS.map(([title]) => title).join(" | ")} |
|${COLUMNS.map(([, alignment]) => alignment).join("|")}|`;
