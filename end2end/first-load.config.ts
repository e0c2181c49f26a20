// Runs the measurement of first-load.ts, in the Chromium of the tests and at phone size.
import { defineConfig, devices } from "@playwright/test";
import tests from "./playwright.config.ts";

export default defineConfig({
  testMatch: "first-load.ts",
  outputDir: tests.outputDir,
  workers: 1,
  reporter: "line",
  use: { ...tests.use, ...devices["Pixel 7"], trace: "off" },
});
