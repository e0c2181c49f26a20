// nginx as a peer: with nchan it delivers messages, and without it serves files.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../proxy.ts";
import { type Peer, startPeer } from "./processes.ts";

const nginx = process.env.NGINX ?? "/usr/sbin/nginx";
const MODULES = process.env.NGINX_MODULES ?? "/usr/lib/nginx/modules";
const NCHAN = path.join(MODULES, "ngx_nchan_module.so");
const BROTLI = path.join(MODULES, "ngx_http_brotli_static_module.so");

export const hasNginx = existsSync(nginx);
export const hasNchan = hasNginx && existsSync(NCHAN);
export const hasBrotli = hasNginx && existsSync(BROTLI);

async function start(workers: number, folder: string, modules: string[], locations: string): Promise<Peer> {
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const configuration = `
    ${modules.map((file) => `load_module ${file};`).join("\n")}
    daemon off;
    worker_processes ${workers};
    worker_rlimit_nofile 20000;
    ${process.getuid?.() === 0 ? "user root;" : ""}
    pid ${folder}/nginx.pid;
    error_log stderr;
    events { worker_connections 9000; }
    http {
      access_log off;
      sendfile on;
      tcp_nopush on;
      # No connection ends during a measurement.
      keepalive_requests 1000000000;
      keepalive_timeout 1h;
      ${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join("\n")}
      server {
        listen 127.0.0.1:${port} backlog=4096;
        ${locations}
      }
    }`;
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, "nginx.conf");
  await writeFile(file, configuration);
  return startPeer(port, folder, nginx, ["-p", folder, "-c", file]);
}

/**
 * Starts nginx with nchan, whose channels keep as many messages as a chat, for as long as a session lives. `/post/…`
 * publishes; `/poll/…` answers 304, or with the first message after a client's last; `/kept/…` answers with all
 * messages after it; `/live/…` is a stream.
 */
export async function startNchan(workers: number, folder: string): Promise<Peer> {
  const channel = "nchan_channel_id $1; nchan_message_buffer_length 30; nchan_message_timeout 6h;";
  const locations = `
    location ~ ^/post/(\\w+)$ { nchan_publisher http; ${channel} }
    location ~ ^/poll/(\\w+)$ { nchan_subscriber interval-poll; ${channel} }
    location ~ ^/kept/(\\w+)$ { nchan_subscriber longpoll; nchan_longpoll_multipart_response raw; ${channel} }
    location ~ ^/live/(\\w+)$ { nchan_subscriber websocket eventsource; ${channel} }`;
  return start(workers, folder, [NCHAN], locations);
}

/** A file that nginx serves: its path, and what the program answers for it. */
export interface File {
  path: string;
  body: Buffer;
  /** Bodies by the ending of the compressed file: `.br` or `.gz`. */
  compressed: Record<string, Buffer>;
  type: string;
  /** Headers that nginx would not send by itself. */
  headers: [string, string][];
}

/** Starts nginx with these files. It sends the compressed files as they are. */
export async function startFileServer(workers: number, folder: string, files: File[]): Promise<Peer> {
  const root = path.join(folder, "files");
  const locations = files.map(({ path: file, type, headers }) => {
    const added = headers.map(([name, value]) => `add_header ${name} ${JSON.stringify(value)};`);
    return `location = ${file} { types {} default_type ${JSON.stringify(type)}; ${added.join(" ")} }`;
  });
  for (const { path: file, body, compressed } of files) {
    const name = path.join(root, file);
    await mkdir(path.dirname(name), { recursive: true });
    await writeFile(name, body);
    for (const [ending, bytes] of Object.entries(compressed)) {
      await writeFile(name + ending, bytes);
    }
  }
  const settings = `
    root ${root};
    open_file_cache max=100 inactive=1h;
    open_file_cache_valid 1h;
    gzip_static on;
    gzip_vary on;
    ${hasBrotli ? "brotli_static on;" : ""}
    ${locations.join("\n")}`;
  return start(workers, folder, hasBrotli ? [BROTLI] : [], settings);
}
