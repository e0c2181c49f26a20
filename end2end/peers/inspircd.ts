// InspIRCd as a peer: an IRC server whose clients may use WebSockets.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../proxy.ts";
import { type Peer, startPeer } from "./processes.ts";

const inspircd = "/usr/sbin/inspircd";
const MODULES = "/usr/lib/inspircd/modules";

export const hasInspircd = existsSync(inspircd) && existsSync(path.join(MODULES, "m_websocket.so"));

/** Starts it without limits on rates. A client's own messages come back to it, as in the program. */
export async function startInspircd(folder: string): Promise<Peer> {
  const port = await freePort();
  const settings = `
    <server name="irc.local" description="peer" network="peer">
    <admin name="peer" nick="peer" email="peer@irc.local">
    <module name="sha1">
    <module name="websocket">
    <module name="cap">
    <module name="ircv3_echomessage">
    <websocket defaultmode="text" sendastext="yes">
    <wsorigin allow="*">
    <bind address="127.0.0.1" port="${port}" type="clients" hook="websocket">
    <connect allow="*" timeout="60" pingfreq="600" hardsendq="10M" softsendq="10M" recvq="1M" threshold="1000000"
      commandrate="1000000000" fakelag="no" localmax="100000" globalmax="100000" limit="100000"
      resolvehostnames="no" useconnectban="no" useconnflood="no">
    <performance somaxconn="4096" nouserdns="yes">
    <path configdir="${folder}" datadir="${folder}" logdir="${folder}" runtimedir="${folder}" moduledir="${MODULES}">`;
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, "inspircd.conf");
  await writeFile(file, settings);
  return startPeer(port, folder, inspircd, ["--config", file, "--nofork", "--nolog", "--nopid", "--runasroot"]);
}
