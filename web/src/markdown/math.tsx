import { createElement, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

// KaTeX builds a tree of MathML. It is copied into elements of ours, node by node, from a list
// of allowed names; KaTeX's own output never becomes markup.

interface KatexNode {
  type?: string;
  text?: string;
  character?: string | null;
  width?: number;
  attributes?: Record<string, unknown>;
  children?: KatexNode[];
}

interface Katex {
  __renderToDomTree(text: string, options: Record<string, unknown>): KatexNode;
}

const kElements = new Set(
  `math semantics annotation mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded
  mphantom mfenced menclose msub msup msubsup munder mover munderover mmultiscripts mprescripts
  mtable mtr mtd mlabeledtr`.split(/\s+/),
);

const kAttributes = new Set(
  `accent accentunder columnalign columnlines columnspacing depth display displaystyle encoding
  fence form height largeop linethickness lspace lquote mathbackground mathcolor mathsize mathvariant
  maxsize minsize movablelimits notation rowlines rowspacing rquote rspace scriptlevel separator
  stretchy symmetric voffset width xmlns`.split(/\s+/),
);

function element(name: string, attributes: Record<string, string>, children: (VNode | string)[]): VNode {
  return createElement(name, attributes as object, ...children) as VNode;
}

function copy(node: KatexNode): (VNode | string)[] {
  if (typeof node.text === 'string') return [node.text];
  if (node.character) return [node.character];
  const children = (node.children ?? []).flatMap(copy);
  if (node.type === undefined || !kElements.has(node.type)) {
    if (node.width !== undefined) return [element('mspace', { width: `${node.width}em` }, [])];
    return children;
  }
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    if (kAttributes.has(name)) attributes[name] = String(value);
  }
  return [element(node.type, attributes, children)];
}

let katex: Katex | null = null;
let loading: Promise<void> | null = null;

/** Loads KaTeX, which is most of the page's size, when the first formula comes. */
export function loadMath(): Promise<void> {
  loading ??= import('katex').then((module) => {
    katex = module.default as unknown as Katex;
  });
  return loading;
}

/** The formula as MathML; null while KaTeX is not loaded or when it makes no sense. */
export function mathTree(text: string, display: boolean): VNode | null {
  if (!katex) return null;
  try {
    const tree = katex.__renderToDomTree(text, {
      output: 'mathml',
      displayMode: display,
      throwOnError: true,
      strict: 'ignore',
      trust: false,
      maxExpand: 200,
      maxSize: 20,
    });
    const [math] = copy(tree);
    return typeof math === 'object' ? math : null;
  } catch {
    return null;
  }
}

export function Math({ text, raw, display }: { text: string; raw: string; display: boolean }) {
  const [, setLoaded] = useState(katex !== null);
  useEffect(() => {
    if (!katex)
      void loadMath().then(
        () => setLoaded(true),
        () => undefined,
      );
  }, []);
  const math = mathTree(text, display);
  const shown = math ?? <code>{raw.trim()}</code>;
  return display ? <span class="math-display">{shown}</span> : <span class="math">{shown}</span>;
}
