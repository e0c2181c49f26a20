// Tests what people do, at desktop and at phone size, with the built program: all of it in Chromium,
// most of it in Firefox and WebKit.
import { defineConfig, devices } from "@playwright/test";
import type { EngineName } from "./engines/fixtures.ts";

const desktop = { width: 1280, height: 800 };
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig<object, { engineName: EngineName }>({
  testDir: "tests",
  outputDir: "output/results",
  globalSetup: "./server.ts",
  fullyParallel: true,
  workers: 2,
  forbidOnly: !!process.env.CI,
  retries: 0,
  reporter: [["list"], ["html", { outputFolder: "output/report", open: "never" }]],
  // Ends a test that hangs. Generous, because a busy machine is slow.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  use: {
    // Without pictures, which cost a tenth of the time.
    trace: { mode: "retain-on-failure", screenshots: false, snapshots: false },
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: chromium,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    {
      name: "desktop",
      use: { ...devices["Desktop Chrome"], viewport: desktop },
    },
    { name: "phone", use: { ...devices["Pixel 7"] } },
    { name: "firefox", testDir: "engines", testMatch: "each.spec.ts", use: { engineName: "firefox", viewport: desktop } },
    { name: "webkit", testDir: "engines", testMatch: "each.spec.ts", use: { engineName: "webkit", viewport: desktop } },
    { name: "together", testDir: "engines", testMatch: "together.spec.ts", use: { viewport: desktop } },
  ],
});
