import { test } from 'node:test';
import { fuzzImport } from '../import-fuzz';

// At development time: FUZZ_RUNS=1000000 npm run fuzz
const runs = Number(process.env.FUZZ_RUNS ?? 1_000_000);
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);

test(`${runs} damaged files of chats (seed ${seed})`, (t) => {
  const { accepted, refused } = fuzzImport(runs, seed);
  t.diagnostic(`${accepted} accepted, ${refused} refused`);
});
