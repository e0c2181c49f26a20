// hackchat-server as a peer. The package contains the server but no commands of a chat, so `join` and `chat` are here.
import { existsSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { freePort } from "../proxy.ts";
import { target } from "../server.ts";
import { type Peer, startPeer } from "./processes.ts";

/** Where `make bench-peers` installs it. */
const hackchat = path.join(target, "peers/node_modules/hackchat-server");

export const hasHackchat = existsSync(hackchat);

/** The least that makes a chat. The commands that hack.chat itself uses check names and texts too. */
const COMMANDS = {
  join: `socket.channel = payload.channel;
    server.reply({ cmd: "joined", channel: payload.channel }, socket);`,
  chat: 'server.broadcast({ cmd: "chat", text: payload.text }, { channel: socket.channel });',
};

export async function startHackchat(folder: string): Promise<Peer> {
  const port = await freePort();
  const commands = path.join(folder, "commands");
  await mkdir(commands, { recursive: true });
  await cp(path.join(hackchat, "standard_modules/internal"), commands, { recursive: true });
  for (const [name, body] of Object.entries(COMMANDS)) {
    const command = `export async function run({ server, socket, payload }) { ${body} }
      export const info = { name: ${JSON.stringify(name)} };`;
    await writeFile(path.join(commands, `${name}.js`), command);
  }
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }');
  const settings = {
    modulesPath: commands,
    websocketPort: port,
    pulseSpeed: 20_000,
    rateLimit: { halflife: 1, threshold: 1e12 },
  };
  await writeFile(path.join(folder, "settings.json"), JSON.stringify(settings));
  const main = `import { CoreApp } from ${JSON.stringify(pathToFileURL(path.join(hackchat, "index.js")).href)};
    new CoreApp({ configPath: "settings.json", logErrDetailed: true, lang: "en" }).init();`;
  await writeFile(path.join(folder, "main.js"), main);
  return startPeer(port, folder, process.execPath, ["main.js"]);
}
