// Runs the measurements of peers/, which use no browser.
import { defineConfig } from "@playwright/test";
import tests from "./playwright.config.ts";

export default defineConfig({
  testDir: "peers",
  testMatch: "peers.ts",
  outputDir: tests.outputDir,
  workers: 1,
  reporter: "line",
});
