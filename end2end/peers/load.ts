// Sends requests to a server, and counts its answers and the processor time that they cost.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { request as send } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { cpuSeconds } from "./processes.ts";

const run = promisify(execFile);

export interface Request {
  url: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** Sends one request. The body of the answer stays compressed. */
export async function ask({ url, method = "GET", headers = {}, body = "" }: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body ? { "content-length": String(Buffer.byteLength(body)) } : {};
    const sent = send(url, { method, headers: { ...headers, ...length } }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) {
        chunks.push(chunk as Buffer);
      }
      const received = answer.headers as Record<string, string>;
      resolve({ status: answer.statusCode!, headers: received, body: Buffer.concat(chunks) });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Sends one request, and returns the answer if it has one of these statuses. */
export async function expect(request: Request, ...statuses: number[]) {
  const answer = await ask(request);
  if (!statuses.includes(answer.status)) {
    throw new Error(`${request.method ?? "GET"} ${request.url} answered ${answer.status}: ${answer.body}`);
  }
  return answer;
}

/** What is compared: a server, and how it is put to work. */
export interface Contestant {
  name: string;
  pid: number;
  /** Works for that many seconds. Returns what was answered or delivered, and how much of it in a second. */
  work(seconds: number): Promise<{ count: number; rate: number }>;
}

/** Repeats a request on as many connections, each of which sends it again after each answer. */
export function repeat(name: string, pid: number, connections: number, request: Request): Contestant {
  const generator = request.method === "HEAD" ? ab : wrk;
  return { name, pid, work: (seconds) => generator(connections, request, seconds) };
}

function number(output: string, pattern: RegExp): number {
  const found = output.match(pattern);
  if (!found) {
    throw new Error(`The load generator printed no ${pattern}: ${output}`);
  }
  return Number(found[1]);
}

async function wrk(connections: number, request: Request, seconds: number) {
  const lines = [
    `wrk.method = ${JSON.stringify(request.method ?? "GET")}`,
    ...(request.body ? [`wrk.body = ${JSON.stringify(request.body)}`] : []),
    ...Object.entries(request.headers ?? {}).map(
      ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
    ),
  ];
  const script = path.join(tmpdir(), `${randomUUID()}.lua`);
  await writeFile(script, lines.join("\n"));
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, request.url];
  const { stdout } = await run("wrk", options).finally(() => rm(script));
  if (/Non-2xx|Socket errors/.test(stdout)) {
    throw new Error(`${request.url} did not answer all requests: ${stdout}`);
  }
  return { count: number(stdout, /(\d+) requests in/), rate: number(stdout, /Requests\/sec:\s+([\d.]+)/) };
}

/** Sends HEAD, for which wrk would wait for a body. It speaks HTTP/1.0 with keep-alive. */
async function ab(connections: number, request: Request, seconds: number) {
  const headers = Object.entries(request.headers ?? {}).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  // It allocates memory for as many requests as it may send.
  const limits = ["-t", String(seconds), "-n", String(seconds * 1_000_000), "-c", String(connections)];
  const { stdout } = await run("ab", ["-q", "-i", "-k", ...limits, ...headers, request.url]);
  const count = number(stdout, /Complete requests:\s+(\d+)/);
  // Connections that are open when the time ends may count once less.
  if (/Non-2xx/.test(stdout) || number(stdout, /Keep-Alive requests:\s+(\d+)/) < count - connections) {
    throw new Error(`${request.url} did not answer all requests: ${stdout}`);
  }
  return { count, rate: number(stdout, /Requests per second:\s+([\d.]+)/) };
}

/** Work in a second of a clock, and seconds of processor time for a unit of work. */
export interface Measurement {
  rate: number;
  cost: number;
}

async function measure({ pid, work }: Contestant, seconds: number): Promise<Measurement> {
  const before = cpuSeconds(pid);
  const { count, rate } = await work(seconds);
  return { rate, cost: (cpuSeconds(pid) - before) / count };
}

/** Measures all in turns, so that the changing speed of the machine disturbs all alike. */
export async function takeTurns(contestants: Contestant[], rounds: number, seconds: number): Promise<Measurement[][]> {
  const measured: Measurement[][] = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      measured[index].push(await measure(contestant, seconds));
    }
  }
  return measured;
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The median of the rounds' own ratios. */
export function ratio(above: number[], below: number[]): number {
  return median(above.map((value, round) => value / below[round]));
}
