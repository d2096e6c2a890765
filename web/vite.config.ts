import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

/** What becomes part of the page, and so of the program. */
const bundled = [
  '@fontsource-variable/inter',
  '@preact/signals',
  '@preact/signals-core',
  'devlop',
  'highlight.js',
  'katex',
  'lowlight',
  'marked',
  'preact',
];

/** licences.txt: the notices that these packages ask to be passed on, as they come with them. */
function licences(): Plugin {
  const noticeOf = (name: string) => {
    const folder = join('node_modules', name);
    const file = existsSync(folder)
      ? readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
      : undefined;
    if (!file) throw new Error(`${folder} has no licence file; run npm ci`);
    return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  };
  const outlines =
    'The characters 接龍 are outlines of Noto Serif TC Bold, Copyright 2014-2021 Adobe,\n' +
    'under the SIL Open Font License, Version 1.1, whose text stands above.\n';
  return {
    name: 'licences',
    generateBundle() {
      const source = [...bundled.map(noticeOf), outlines].join(`\n${'-'.repeat(72)}\n\n`);
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source });
    },
  };
}

// The server sends these files with a policy that allows nothing inline and no other host, so
// nothing may become a data: URL or an inline script.
export default defineConfig({
  base: './',
  plugins: [licences()],
  build: {
    target: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  server: { proxy: { '/v1': 'http://127.0.0.1:8080', '/api': 'http://127.0.0.1:8080' } },
});
