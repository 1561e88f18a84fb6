// Builds what the pages of both web applications load, into `built` beside their `static`: each script and style sheet
// that a template names, with what it imports. A file's name holds a hash of its content, so that a browser need never
// ask for it again; beside it lie the same bytes as Brotli and gzip.
// `manifest.json` leads from the name in a template to the file. Does nothing where all of that is current.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const NPM = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(NPM)); // the package photo_pipeline
const PREFIX = "/assets/";
const NAMED = /<(?:script|link)\b[^>]*?\b(?:src|href)="(\/(?:static|packages)\/[^"]+)"[^>]*>/g;
const IMPORTED = /^import [^"]* from "(\/static\/[^"]+)";/gm; // what a service worker imports
const AS_IT_IS = ".webmanifest"; // an application that is installed asks for it by its name
const TEXT = new Set([".js", ".css", ".svg", ".txt"]);

const filesBelow = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));

/** The same as `photo_pipeline.web.assets` computes, from the same files. */
function digestOf(folders) {
  const files = [...folders.flatMap(filesBelow), join(NPM, "package-lock.json"), join(NPM, "build.mjs")];
  const names = files.map((file) => relative(ROOT, file).replaceAll("\\", "/")).sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(ROOT, name))).update("\0");
  return hash.digest("hex");
}

/** What a template or a script calls `/static/…` or `/packages/<package>/…`, as a file. */
function fileOf(address, statics) {
  const [, kind, ...rest] = address.split("/");
  const [name, ...within] = rest;
  const candidates = kind === "packages" ? ["dist", "build"].map((folder) => join(NPM, "node_modules", name, folder, ...within))
    : statics.map((folder) => join(folder, ...rest));
  const found = candidates.find(existsSync);
  if (found === undefined) throw new Error(`${address} is named and is not there`);
  return found;
}

/** Lets scripts and style sheets name files as the pages do; `?url` asks for the address alone, not for the content. */
const addresses = (statics) => ({
  name: "addresses",
  setup(builder) {
    builder.onResolve({ filter: /^\/(static|packages)\// }, ({ path }) => {
      const [address, query] = path.split("?");
      return { path: fileOf(address, statics), namespace: query === "url" ? "address" : "file" };
    });
    builder.onLoad({ filter: /./, namespace: "address" }, ({ path }) => ({ contents: readFileSync(path), loader: "file" }));
  },
});

function hashed(file) {
  const content = readFileSync(file);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8).toUpperCase();
  return { name: `${basename(file, extname(file))}-${hash}${extname(file)}`, content };
}

/** What templates name: modules and style sheets are built; other scripts and pictures stay as they are. */
function namedIn(templates) {
  const [built, kept] = [new Set(), new Set()];
  for (const template of templates) {
    const text = readFileSync(template, "utf8");
    for (const [, address] of text.matchAll(IMPORTED)) built.add(address);
    for (const [tag, address] of text.matchAll(NAMED)) {
      if (address.endsWith(AS_IT_IS)) continue;
      const isBuilt = tag.includes('type="module"') || tag.includes('rel="stylesheet"');
      (isBuilt ? built : kept).add(address);
    }
  }
  return { built: [...built].sort(), kept: [...kept].sort() };
}

/**
 * A module or a style sheet with all that it imports: one request, since each more waits for a turn and a round trip on a
 * slow line. What a script imports when it is needed is a file of its own.
 * @returns {Promise<{name: string, parts: string[]}>} the built file's name, and those of all that came of it
 */
async function buildOne(file, statics, into) {
  const { metafile } = await build({
    entryPoints: [file],
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    minify: true,
    outdir: into,
    absWorkingDir: ROOT,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    publicPath: PREFIX,
    loader: { ".svg": "file" },
    plugins: [addresses(statics)],
    metafile: true,
    logLevel: "warning",
  });
  const { outputs } = metafile;
  // What is loaded when it is needed has an entry of its own.
  const entry = Object.keys(outputs).find((output) => join(ROOT, outputs[output].entryPoint?.replace(/^file:/, "") ?? "") === file);
  const names = renamed(outputs, into);
  return { name: names.get(basename(entry)), parts: [...names.values()].sort() };
}

/**
 * Names what several entries have in common by those entries: all such parts are a "chunk" to esbuild, and a server of
 * another release finds a file by its name without the hash. The new names are part of each hash.
 * @returns {Map<string, string>} from the names that esbuild gave to those that there are now
 */
function renamed(outputs, into) {
  const users = new Map(); // of each such part, the entries: esbuild makes one for each set of them
  for (const [output, { entryPoint }] of Object.entries(outputs)) {
    if (!entryPoint) continue;
    for (const part of importedBy(output, outputs)) {
      if (!outputs[part].entryPoint) users.set(part, [...users.get(part) ?? [], withoutHash(output)].sort());
    }
  }
  const all = JSON.stringify([...users.values()].sort());
  const rename = (output) => {
    const [, old, ending] = /-([0-9A-Z]{8})(\.\w+)$/.exec(output);
    const hash = createHash("sha256").update(old + all).digest("hex").slice(0, 8).toUpperCase();
    return `${users.get(output)?.join(".") ?? withoutHash(output)}-${hash}${ending}`;
  };
  const scripts = users.size === 0 ? [] : Object.keys(outputs).filter((output) => output.endsWith(".js"));
  const changes = new Map(scripts.map((output) => [basename(output), rename(output)]));
  for (const [old, name] of changes) {
    const text = readFileSync(join(into, old), "utf8");
    rmSync(join(into, old));
    writeFileSync(join(into, name), [...changes].reduce((found, [from, to]) => found.replaceAll(PREFIX + from, PREFIX + to), text));
  }
  return new Map(Object.keys(outputs).map((output) => [basename(output), changes.get(basename(output)) ?? basename(output)]));
}

const withoutHash = (output) => basename(output).replace(/-[0-9A-Z]{8}\.\w+$/, "");

/** All that comes with a built file at once. */
function importedBy(output, outputs, found = new Set()) {
  for (const { path, kind } of outputs[output].imports) {
    const isNew = kind === "import-statement" && outputs[path] !== undefined && !found.has(path);
    if (isNew) importedBy(path, outputs, found.add(path));
  }
  return found;
}

/** What the licences of the packages ask for: that their words come along. */
function licences() {
  const { dependencies } = JSON.parse(readFileSync(join(NPM, "package.json"), "utf8"));
  return Object.keys(dependencies).map((name) => {
    const folder = join(NPM, "node_modules", name);
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const { license, author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const text = file === undefined ? `${license}, by ${author?.name ?? author}` : readFileSync(join(folder, file), "utf8");
    return `${name}\n\n${text.trim()}\n`;
  }).join("\n\n");
}

function compress(folder) {
  for (const file of filesBelow(folder).filter((each) => TEXT.has(extname(each)))) {
    const content = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(content));
    writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  }
}

async function buildApplication(application) {
  const statics = [application, "web"].map((name) => join(ROOT, name, "static"));
  const templates = [application, "web"].map((name) => join(ROOT, name, "templates"));
  const digest = digestOf([...statics, ...templates]);
  const goal = join(ROOT, application, "built");
  const current = join(goal, "manifest.json");
  if (existsSync(current) && JSON.parse(readFileSync(current, "utf8")).digest === digest) return;
  const folder = `${goal}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  try {
    const { built, kept } = namedIn(templates.flatMap(filesBelow));
    const [files, parts] = [{}, {}];
    for (const address of built) {
      const { name, parts: all } = await buildOne(fileOf(address, statics), statics, folder);
      files[address] = name;
      parts[name] = all;
    }
    for (const address of kept) {
      const { name, content } = hashed(fileOf(address, statics));
      writeFileSync(join(folder, name), content);
      files[address] = name;
    }
    writeFileSync(join(folder, "licences.txt"), licences());
    compress(folder);
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ digest, files, parts }, null, 1));
    rmSync(goal, { recursive: true, force: true });
    renameSync(folder, goal);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`Built what the pages of ${application} load.`);
}

for (const application of ["api", "stream"]) await buildApplication(application);
