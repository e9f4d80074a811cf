// Bundles the admin pages' scripts and styles, draws the icon sprite, and writes manifest.json: the hashed name of each.
// Run from the project's root; `python -m webapp.assets` does so when something changed.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = "webapp/frontend";
const out = process.argv[2] ?? "webapp/static/dist";
const entries = ["app.js", "early.js", "chart.js", "editor.js", "app.css"];
// Scripts for other people's pages: each is one plain file, for somewhat older browsers.
const abroad = ["storefront.js", "embed.js", "frame.js"];

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const result = await build({
  entryPoints: entries.map((name) => join(here, name)),
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  metafile: true,
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file", ".svg": "file" },
  legalComments: "linked",
  logLevel: "warning",
});

const guests = await build({
  entryPoints: abroad.map((name) => join(here, name)),
  outdir: out,
  bundle: true,
  format: "iife",
  minify: true,
  metafile: true,
  target: ["es2020"],
  entryNames: "[name]-[hash]",
  logLevel: "warning",
});

const assets = {};
for (const [path, made] of Object.entries({ ...result.metafile.outputs, ...guests.metafile.outputs })) {
  if (made.entryPoint?.startsWith(here)) assets[basename(made.entryPoint)] = basename(path);
}

async function keep(name, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
  const hashed = `${basename(name, extname(name))}-${hash}${extname(name)}`;
  await writeFile(join(out, hashed), content);
  assets[name] = hashed;
}

const icons = (await readFile(join(here, "icons.txt"), "utf8")).split("\n").filter((line) => /^[a-z0-9-]+$/.test(line));
const symbols = await Promise.all(
  icons.map(async (name) => {
    const drawing = await readFile(`node_modules/@tabler/icons/icons/outline/${name}.svg`, "utf8");
    const inner = drawing.replace(/<!--[\s\S]*?-->/g, "").replace(/^[\s\S]*?<svg[^>]*>|<\/svg>\s*$/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner.replace(/\s*\n\s*/g, "")}</symbol>`;
  }),
);
await keep("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`);
await keep("logo.svg", await readFile(join(here, "logo.svg")));

for (const name of await readdir(out)) {
  if (![".js", ".css", ".svg"].includes(extname(name))) continue;
  const content = await readFile(join(out, name));
  await writeFile(join(out, `${name}.gz`), gzipSync(content, { level: 9 }));
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  await writeFile(join(out, `${name}.br`), brotliCompressSync(content, quality));
}

await writeFile(join(out, "manifest.json"), JSON.stringify({ assets, icons }, null, 1));
