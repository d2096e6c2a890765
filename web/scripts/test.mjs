// Builds the tests and runs them with Node's own runner, which knows no TypeScript on Node 18.
//   node scripts/test.mjs unit|browser|fuzz [part of a file's name]
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const [kind = 'unit', part = ''] = process.argv.slice(2);
const folder = join('tests', kind);
const entries = readdirSync(folder).filter((name) => /\.test\.tsx?$/.test(name) && name.includes(part));
if (entries.length === 0) {
  console.error(`error: no test in ${folder} has "${part}" in its name`);
  process.exit(2);
}
const out = join('build', 'tests', kind);
rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: entries.map((name) => join(folder, name)),
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node18',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  // Node 18 keeps it in a module.
  banner: { js: "import { webcrypto } from 'node:crypto'; globalThis.crypto ??= webcrypto;" },
  sourcemap: 'inline',
  logLevel: 'warning',
});
const files = readdirSync(out).map((name) => join(out, name));
const { status } = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-reporter=spec', ...files],
  {
    stdio: 'inherit',
  },
);
process.exit(status ?? 1);
