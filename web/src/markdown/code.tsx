import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { CopyButton } from '../ui/copy-button';
import type { Piece } from './highlight';

type Highlight = (code: string, language: string) => Piece[] | null;

let highlight: Highlight | null = null;
let loading: Promise<void> | null = null;

export function loadHighlight(): Promise<void> {
  loading ??= import('./highlight').then((module) => {
    highlight = module.highlight;
  });
  return loading;
}

/** A block of code with its language and a button that copies it. */
export function CodeBlock({
  code,
  language,
  leaf,
}: {
  code: string;
  language: string;
  leaf: (text: string) => ComponentChildren;
}) {
  const [, setLoaded] = useState(highlight !== null);
  useEffect(() => {
    if (language && !highlight)
      void loadHighlight().then(
        () => setLoaded(true),
        () => undefined,
      );
  }, [language]);
  const pieces = language && highlight ? highlight(code, language) : null;
  return (
    <div class="code">
      <div class="code-head">
        <span>{language || 'text'}</span>
        <CopyButton text={code} />
      </div>
      <pre tabIndex={0}>
        <code>
          {pieces
            ? pieces.map((piece) => <span class={piece.classes || undefined}>{leaf(piece.text)}</span>)
            : leaf(code)}
        </code>
      </pre>
    </div>
  );
}
