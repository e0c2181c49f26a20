// People who use the API without a page.
import { type APIRequestContext, expect } from "@playwright/test";

/** Joins with a magic link, and returns a function that posts messages. */
export async function scripted(request: APIRequestContext, link: string, username: string) {
  const { pathname, hash } = new URL(link);
  const chat = `/${pathname.split("/").pop()}`;
  const joined = await request.post(`${chat}/join`, { data: { key: hash.slice(1), username } });
  expect(joined.status()).toBe(201);
  const headers = { authorization: `Bearer ${(await joined.json()).session_token}` };
  return async (text: string) => {
    expect((await request.post(chat, { data: { text }, headers })).status()).toBe(201);
  };
}
