/**
 * Builds the front end into the Python package: `alwidget/widget/static/widget.js` and `widget.css`.
 *
 * The bundle travels over the kernel's connection with every widget, so its size is a promise that is checked here.
 * `--demo` also builds the fake kernel that `demo.html` and the page tests use; `--watch` rebuilds on change.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "alwidget", "widget", "static");
const LIMIT = 60_000;
/** The oldest browsers that mix colours and know container queries; nested rules are unfolded for them. */
const BROWSERS = ["chrome111", "firefox113", "safari16.4"];
const flags = new Set(process.argv.slice(2));

const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

const jobs = [
  { ...common, entryPoints: { widget: "src/index.tsx" }, outdir: out, minify: true },
  { ...common, entryPoints: { widget: "src/styles/index.css" }, outdir: out, minify: true, target: BROWSERS },
];
if (flags.has("--demo")) {
  jobs.push({ ...common, entryPoints: { "fake-kernel": "tests/demo.ts" }, outdir: "build" });
}

if (flags.has("--watch")) {
  for (const job of jobs) await (await context(job)).watch();
} else {
  await Promise.all(jobs.map((job) => build(job)));
  let sum = 0;
  for (const name of ["widget.js", "widget.css"]) {
    const bytes = readFileSync(join(out, name));
    const zipped = gzipSync(bytes, { level: 9 }).length;
    sum += zipped;
    process.stdout.write(
      `${name.padEnd(11)} ${bytes.length.toLocaleString("en").padStart(8)} B, gzip ${zipped.toLocaleString("en").padStart(7)} B\n`,
    );
  }
  process.stdout.write(
    `${"together".padEnd(11)} gzip ${sum.toLocaleString("en")} B of ${LIMIT.toLocaleString("en")} B\n`,
  );
  if (sum > LIMIT) {
    process.stderr.write(
      `The bundle is ${(sum - LIMIT).toLocaleString("en")} B over its limit: look for a heavy import.\n`,
    );
    process.exit(1);
  }
}
