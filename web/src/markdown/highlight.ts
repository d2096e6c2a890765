import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';

const languages = {
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  go,
  java,
  javascript,
  json,
  python,
  rust,
  sql,
  typescript,
  xml,
  yaml,
};

const lowlight = createLowlight(languages);

/** A piece of code with its class, such as "hljs-keyword". */
export interface Piece {
  text: string;
  classes: string;
}

interface Node {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: Node[];
}

function flatten(nodes: readonly Node[], classes: string, pieces: Piece[]): void {
  for (const node of nodes) {
    if (node.type === 'text') {
      pieces.push({ text: node.value ?? '', classes });
    } else if (node.type === 'element') {
      const own = node.properties?.className;
      const names = Array.isArray(own) ? own.filter((name) => typeof name === 'string') : [];
      flatten(node.children ?? [], names.join(' ') || classes, pieces);
    }
  }
}

/** The code in pieces whose texts joined are the code; null when the language is not known. */
export function highlight(code: string, language: string): Piece[] | null {
  if (!lowlight.registered(language) || code.length > 50_000) return null;
  const pieces: Piece[] = [];
  flatten(lowlight.highlight(language, code).children as Node[], '', pieces);
  return pieces;
}
