// No test lets a page break its Content-Security-Policy. Here the check itself is tested.
import { expect, test } from "../fixtures.ts";
import { HomePage } from "../pages/home.ts";

test.use({ breaksPolicy: true });

const injected: [string, () => void, RegExp][] = [
  ["an inline script", () => document.body.append(Object.assign(document.createElement("script"), { text: "0" })), /script-src/],
  ["an inline style", () => document.body.setAttribute("style", "color: red"), /style-src/],
  ["an image of another host", () => void (new Image().src = "http://192.0.2.1/x.png"), /img-src/],
  ["a request to another host", () => void fetch("http://192.0.2.1/").catch(() => undefined), /connect-src/],
];

for (const [what, inject, directive] of injected) {
  test(`${what} in a page is refused and noted`, async ({ people, violations }) => {
    const { page } = await new HomePage(await people.newcomer()).open();
    expect(violations).toEqual([]);
    await page.evaluate(inject);
    await expect.poll(() => violations.some((violation) => directive.test(violation))).toBe(true);
  });
}

test("a violation is noted without script in the page, and in a context of the test's own", async ({ browser, baseURL, violations }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL });
  const page = await context.newPage();
  await page.route("/", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace("</body>", "<style>a{}</style></body>") });
  });
  await page.goto("/");
  await expect.poll(() => violations.some((violation) => /style-src/.test(violation))).toBe(true);
  await context.close();
});
