/**
 * Builds the explorer: `node build.mjs <folder to fill>`, after `npm install` beside it.
 *
 * The folder gets files named by their content's hash, stored gzipped (name + ".gz") unless they are
 * already compressed, the licences of everything inside, and manifest.json, which page code trusts:
 *   { entry, styles, preload, notices, files: { name: { type, gzip, size } } }
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { notices } from './notices.mjs';

const [target] = process.argv.slice(2);
if (!target) throw new Error('usage: node build.mjs <folder to fill>');

const TYPES = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.ttf': 'font/ttf',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
};
const COMPRESSED = new Set(['.woff', '.woff2']);

const files = new Map(); // name -> bytes

function hashed(stem, extension, bytes) {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 10);
  const name = `${stem}-${digest}${extension}`;
  files.set(name, bytes);
  return name;
}

// graphiql/style.css already holds Monaco's styles, and esbuild would write the style sheets of
// dynamically imported modules to files that nothing loads.
const noMonacoStyles = {
  name: 'no-monaco-styles',
  setup(build) {
    build.onLoad({ filter: /monaco-editor[\\/].*\.css$/ }, () => ({ contents: '', loader: 'css' }));
  },
};

const slimMonaco = {
  name: 'slim-monaco',
  setup(build) {
    build.onResolve({ filter: /(^monaco-graphql\/esm|^\.)\/monaco-editor(\.js)?$/ }, ({ path: id, resolveDir }) =>
      id.startsWith('.') && !/monaco-graphql[\\/]esm$/.test(resolveDir)
        ? undefined
        : { path: path.resolve('editor.js') },
    );
  },
};

const COMMON = {
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outdir: 'out',
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  target: 'es2022',
  legalComments: 'external',
  logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"' },
};

const legal = new Set();
const inputs = new Set();

function collect(result) {
  for (const input of Object.keys(result.metafile.inputs)) inputs.add(input);
  for (const { path: file, contents, text } of result.outputFiles) {
    if (file.endsWith('.LEGAL.txt')) legal.add(text.trim());
    else files.set(path.basename(file), contents);
  }
  return Object.entries(result.metafile.outputs).map(([name, output]) => [path.basename(name), output]);
}

async function buildWorkers() {
  const built = await esbuild.build({
    ...COMMON,
    entryPoints: ['workers/editor.js', 'workers/json.js', 'workers/graphql.js'],
    entryNames: '[name]-worker-[hash]',
    format: 'iife',
  });
  const names = collect(built).filter(([, { entryPoint }]) => entryPoint);
  return Object.fromEntries(names.map(([name, { entryPoint }]) => [path.parse(entryPoint).name, name]));
}

async function buildApp(workers) {
  const built = await esbuild.build({
    ...COMMON,
    entryPoints: ['explorer.jsx'],
    format: 'esm',
    splitting: true,
    jsx: 'automatic',
    external: ['graphql-ws'], // the toolkit's import for subscriptions; this API has none
    // GraphiQL asks for Prettier's parsers by names that lead to CommonJS files, whose exports come
    // out empty here: the prettify button would do nothing.
    alias: {
      'prettier/parser-babel': 'prettier/plugins/babel',
      'prettier/parser-graphql': 'prettier/plugins/graphql',
    },
    plugins: [noMonacoStyles, slimMonaco],
    define: { ...COMMON.define, WORKER_FILES: JSON.stringify(workers) },
  });
  const outputs = collect(built);
  const [entry, output] = outputs.find(([, { entryPoint }]) => entryPoint === 'explorer.jsx');
  return { entry, output, outputs: new Map(outputs) };
}

// Fonts inside a style sheet are loaded by everybody; as files, only the alphabets in use are.
function externalFonts(css) {
  const pattern = /url\(["']?data:(?:font|application)\/([\w-]+?)(?:;charset=[\w-]+)?;base64,([A-Za-z0-9+/=]+)["']?\)/g;
  return css.replace(pattern, (_all, kind, data) => {
    const extension = { ttf: '.ttf', woff: '.woff', woff2: '.woff2' }[kind.replace(/^(x-)?font-/, '')];
    if (!extension) throw new Error(`a font of an unknown kind: ${kind}`);
    return `url(./${hashed('font', extension, Buffer.from(data, 'base64'))})`;
  });
}

function moveFonts(styleSheet) {
  const css = externalFonts(Buffer.from(files.get(styleSheet)).toString());
  files.delete(styleSheet);
  return hashed('explorer', '.css', Buffer.from(css));
}

// What the first view needs: the entry's static imports, then the editor it loads at once.
function preload(outputs, start) {
  const wanted = new Set();
  const visit = name => {
    for (const { path: file, kind, external } of outputs.get(name).imports) {
      const dependency = path.basename(file);
      if (external || kind !== 'import-statement' || wanted.has(dependency)) continue;
      wanted.add(dependency);
      visit(dependency);
    }
  };
  visit(start);
  const [editor] = [...outputs].find(([, { entryPoint }]) => entryPoint === 'editor.js');
  wanted.add(editor);
  visit(editor);
  return [...wanted];
}

async function write(name, bytes) {
  const extension = path.extname(name);
  const gzip = !COMPRESSED.has(extension);
  if (!TYPES[extension]) throw new Error(`a file of an unknown type: ${name}`);
  await writeFile(path.join(target, gzip ? `${name}.gz` : name), gzip ? gzipSync(bytes, { level: 9 }) : bytes);
  return { type: TYPES[extension], gzip, size: bytes.length };
}

const { entry, output, outputs } = await buildApp(await buildWorkers());
const styles = [moveFonts(path.basename(output.cssBundle))];
const licences = hashed('licences', '.txt', Buffer.from(await notices(inputs, legal)));

await mkdir(target, { recursive: true });
if ((await readdir(target)).length) throw new Error(`${target} is not empty`);
const described = {};
for (const name of [...files.keys()].sort()) described[name] = await write(name, files.get(name));
const manifest = { entry, styles, preload: preload(outputs, entry), notices: licences, files: described };
await writeFile(path.join(target, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
