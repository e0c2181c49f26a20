// A page of another origin uses the API with fetch and a token, and cannot use the visitor's cookies.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test as base } from "../fixtures.ts";

/** An empty page on another port, which is another origin. */
const test = base.extend<{ elsewhere: string }>({
  elsewhere: async ({}, use) => {
    const server = createServer((_, answer) => {
      answer.setHeader("content-type", "text/html").end("<!DOCTYPE html><title>Elsewhere</title>");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    server.closeAllConnections();
    server.close();
  },
  // Playwright would add these headers to the page's own requests, and then each of them needed a preflight.
  extraHTTPHeaders: async ({}, use) => use({}),
});

test("a page of another origin creates, joins, posts, polls and follows a chat", async ({ people, elsewhere, baseURL }) => {
  const page = await people.newcomer();
  await page.goto(elsewhere);
  const seen = await page.evaluate(async (site) => {
    const call = async (method: string, path: string, token?: string, body?: object) => {
      const headers: Record<string, string> = { "content-type": "application/json" };
      if (token) Object.assign(headers, { authorization: `Bearer ${token}`, "idempotency-key": crypto.randomUUID() });
      const answer = await fetch(new URL(path, site), { method, headers, body: body && JSON.stringify(body) });
      return { status: answer.status, id: answer.headers.get("x-request-id"), body: await answer.json() };
    };
    const { body: chat } = await call("POST", "/create", undefined, { username: "Ann" });
    const joined = await call("POST", `/${chat.chat_id}/join`, undefined, { key: chat.invite.key, username: "Bob" });
    const bob = joined.body.session_token;
    const events: string[] = [];
    const address = new URL(`/${chat.chat_id}/live`, site).href.replace("http", "ws");
    const socket = new WebSocket(address, ["watch-party", `bearer.${bob}`]);
    const followed = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        events.push(event.message?.text ?? event.type);
        if (event.message) resolve();
      };
    });
    await new Promise((resolve) => (socket.onopen = resolve));
    const posted = await call("POST", `/${chat.chat_id}`, bob, { text: "from elsewhere" });
    await followed;
    const read = await call("GET", `/${chat.chat_id}?after=0`, chat.session_token);
    const refused = await call("GET", `/${chat.chat_id}/members`, "wrong");
    const unknown = await call("DELETE", `/${chat.chat_id}/nothing`, bob);
    return { joined, posted, read, refused, unknown, events };
  }, baseURL!);
  expect([seen.joined.status, seen.posted.status, seen.read.status]).toEqual([201, 201, 200]);
  expect(seen.read.body.messages.map(({ text }: { text: string }) => text)).toEqual(["from elsewhere"]);
  expect(seen.events).toEqual(["opened", "from elsewhere"]);
  expect([seen.refused.status, seen.refused.body.code]).toEqual([401, "session_required"]);
  expect([seen.unknown.status, seen.unknown.body.code]).toEqual([404, "not_found"]);
  expect(seen.posted.id).toMatch(/^[0-9a-f-]{36}$/);
});

test("a page of another origin cannot use the visitor's cookies, forms or server functions", async ({ people, elsewhere, baseURL }) => {
  const page = await people.newcomer();
  // The visitor has a browser session, as a cookie.
  const opened = await page.request.post("/sessions", { data: { username: "Ann" } });
  expect(opened.status()).toBe(201);
  await page.goto(elsewhere);
  const outcomes = await page.evaluate(async (site) => {
    const attempt = async (path: string, options: RequestInit) => {
      try {
        const answer = await fetch(new URL(path, site), { credentials: "include", ...options });
        return `${path}: ${answer.status}`;
      } catch {
        return "failed";
      }
    };
    const form = { "content-type": "application/x-www-form-urlencoded" };
    return Promise.all([
      attempt("/sessions/me", {}),
      attempt("/sessions/me", { method: "DELETE" }),
      attempt("/sessions", { method: "POST", headers: form, body: "username=Eve" }),
      attempt("/chats", { method: "POST", headers: form, body: "name=x" }),
      attempt("/sf/create_chat", { method: "POST", headers: form, body: "username=Eve" }),
      attempt("/", { method: "POST", headers: form, body: "username=Eve" }),
      attempt("/", {}),
      // With credentials, not even the open calls can be read.
      attempt("/create", { method: "POST", headers: form, body: "username=Eve" }),
    ]);
  }, baseURL!);
  expect(outcomes).toEqual(outcomes.map(() => "failed"));
  // Nothing has changed.
  const still = await page.request.get("/sessions/me");
  expect([still.status(), (await still.json()).username]).toEqual([200, "Ann"]);
});
