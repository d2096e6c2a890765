import { visible } from './steps';

/** A token's text; the space that most tokens begin with is only hinted at. */
export function Piece({ text }: { text: string }) {
  if (text.trim() === '') return <>{visible(text)}</>;
  const before = text.length - text.trimStart().length;
  const spaces = /^ +$/.test(text.slice(0, before)) ? before : 0;
  return (
    <>
      {spaces > 0 && <span class="space" />}
      {visible(text.slice(spaces))}
    </>
  );
}
