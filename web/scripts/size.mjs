// The page is small, and asks nobody but its own server: checks the built files for both.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const kLimit = 300 * 1024;
const kPacked = /\.woff2$/;

function* filesIn(folder) {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

let total = 0;
const problems = [];
for (const path of filesIn('dist')) {
  const content = readFileSync(path);
  const size = kPacked.test(path) ? content.length : gzipSync(content, { level: 9 }).length;
  total += size;
  console.log(`${String(size).padStart(8)}  ${path}`);
  const text = content.toString('latin1');
  if (path.endsWith('.html') && /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/i.test(text)) {
    problems.push(`${path} has something inline, which the page's policy forbids`);
  }
  if (/\.(?:html|css)$/.test(path) && /(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?\/\//i.test(text)) {
    problems.push(`${path} asks another host`);
  }
}
console.log(`${String(total).padStart(8)}  bytes gzipped in all; the limit is ${kLimit}`);
if (total > kLimit) problems.push(`the page is ${total - kLimit} bytes too large`);
for (const problem of problems) console.error(`error: ${problem}`);
process.exit(problems.length > 0 ? 1 : 0);
