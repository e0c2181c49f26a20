// A real nginx in front of the program. It serves the site from a folder of its host, and does not
// tell the program about the folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import path from "node:path";

const nginx = process.env.NGINX ?? "/usr/sbin/nginx";

export async function freePort(): Promise<number> {
  const place = createServer().listen(0, "127.0.0.1");
  await once(place, "listening");
  const { port } = place.address() as AddressInfo;
  place.close();
  await once(place, "close");
  return port;
}

function configuration(port: number, folder: string, site: string, work: string) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
    daemon off;
    worker_processes 1;
    ${process.getuid?.() === 0 ? "user root;" : ""}
    pid ${work}/nginx.pid;
    error_log stderr;
    events {}
    http {
      access_log off;
      ${temporary.map((kind) => `${kind}_temp_path ${work}/${kind};`).join("\n")}
      map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
      server {
        listen 127.0.0.1:${port};
        location / { return 404; }
        location ${folder}/ {
          proxy_pass ${site}/;
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
        }
      }
    }`;
}

async function isUp(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

/** Serves `site` from `folder` of a new host until it is stopped. `work` is a directory for its own files. */
export async function startProxy(site: string, folder: string, work: string) {
  const port = await freePort();
  const file = path.join(work, "nginx.conf");
  await writeFile(file, configuration(port, folder, site, work));
  const proxy = spawn(nginx, ["-p", work, "-c", file], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(proxy, "exit");
  while (!(await isUp(port))) {
    if (proxy.exitCode !== null) {
      throw new Error(`${nginx} ended before it listened`);
    }
  }
  const stop = async () => {
    proxy.kill("SIGTERM");
    await ended;
  };
  return { host: `http://127.0.0.1:${port}`, site: `http://127.0.0.1:${port}${folder}`, stop };
}
