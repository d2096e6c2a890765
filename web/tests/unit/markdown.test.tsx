import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { renderToString } from 'preact-render-to-string';
import { loadHighlight } from '../../src/markdown/code';
import { highlight } from '../../src/markdown/highlight';
import { Markdown, type Leaf } from '../../src/markdown/markdown';
import { loadMath } from '../../src/markdown/math';
import { decodeEntities, safeLink } from '../../src/markdown/parse';

before(async () => {
  await loadMath();
  await loadHighlight();
});

const html = (text: string, leaf?: Leaf) =>
  renderToString(<Markdown text={text} {...(leaf ? { leaf } : {})} />);

/** Every tag of rendered HTML with its attributes. Text is escaped, so "<" only begins tags. */
function tags(rendered: string): { name: string; attributes: string }[] {
  return [...rendered.matchAll(/<([a-zA-Z][^\s/>]*)((?:"[^"]*"|[^">])*)>/g)].map((match) => ({
    name: match[1]!,
    attributes: match[2]!,
  }));
}

const allowed = new Set(
  `div p span strong em del code pre br a h3 h4 h5 h6 ul ol li blockquote hr table thead tbody tr th td input button
  svg path math semantics annotation mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom
  menclose msub msup msubsup munder mover munderover mtable mtr mtd`.split(/\s+/),
);

/** The page writes a few attributes of its own; a model must not be able to add one. */
const attributes =
  /^(?:\s(?:class|href|target|rel|tabindex|role|type|aria-label|aria-hidden|title|viewBox|focusable|d|start|disabled|checked|xmlns|display|encoding|mathvariant|stretchy|fence|separator|lspace|rspace|width|height|depth|voffset|linethickness|scriptlevel|displaystyle|columnalign|columnspacing|rowspacing|accent|accentunder|mathcolor|mathbackground|notation|minsize|maxsize|symmetric|form|movablelimits|mathsize|columnlines|rowlines|largeop)(?:="[^"]*")?)*\s*\/?$/;

const attacks = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<svg onload=alert(1)>',
  '<iframe src="javascript:alert(1)"></iframe>',
  '<a href="javascript:alert(1)">x</a>',
  '<style>*{display:none}</style>',
  '<div style="position:fixed">x</div>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](java\nscript:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](&#x6A;avascript&colon;alert(1))',
  '[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)',
  '[x](vbscript:msgbox(1))',
  '[x](/api/delete)',
  '[x](//evil.example/x)',
  '[x](https://ok.example/" onmouseover="alert(1))',
  '[x](https://ok.example/ "title\\" onclick=alert(1)")',
  '![x](https://evil.example/track.png)',
  '![x" onerror="alert(1)](x)',
  '![x](javascript:alert(1))',
  '[ref]\n\n[ref]: javascript:alert(1)',
  '<https://ok.example/>',
  '<javascript:alert(1)>',
  '```"><img/src=x/onerror=alert(1)>\ncode\n```',
  '```<script>\n</code></pre><script>alert(1)</script>\n```',
  '`<img src=x onerror=alert(1)>`',
  '|<script>|b|\n|-|-|\n|<img src=x onerror=alert(1)>|[x](javascript:alert(1))|',
  '- [x] <b onclick=alert(1)>\n- [ ] "><script>',
  '# <script>alert(1)</script>',
  '> <object data="x">',
  '$\\href{javascript:alert(1)}{x}$',
  '$\\url{javascript:alert(1)}$',
  '$\\htmlStyle{position:fixed}{x}$',
  '$\\htmlData{onclick=alert(1)}{x}$',
  '$\\includegraphics{https://evil.example/x.png}$',
  '$\\text{<script>alert(1)</script>}$',
  '$$\\color{red"onload="alert(1)}x$$',
  '$\\def\\a{\\a\\a}\\a$',
  '\\[ <img src=x onerror=alert(1)> \\]',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&#60;script&#62;alert(1)&#60;/script&#62;',
  '\u0000<script>alert(1)</script>',
];

test('nothing a model writes becomes anything but text and a few harmless elements', () => {
  const contexts = attacks.flatMap((attack) => [
    attack,
    `text ${attack} text`,
    `> ${attack}`,
    `- ${attack}`,
    `**${attack}**`,
  ]);
  for (const text of [...contexts, attacks.join('\n\n')]) {
    const rendered = html(text);
    for (const tag of tags(rendered)) {
      assert.ok(allowed.has(tag.name), `<${tag.name}> from ${JSON.stringify(text)}`);
      assert.match(tag.attributes, attributes, `in <${tag.name}> from ${JSON.stringify(text)}`);
      // Inside quotes these are only text.
      const names = tag.attributes.replace(/"[^"]*"/g, '');
      assert.doesNotMatch(names, /\sstyle=|\son\w+=|\ssrc=/, JSON.stringify(text));
      const href = /\shref="([^"]*)"/.exec(tag.attributes)?.[1];
      if (href !== undefined) assert.match(href, /^(https?:\/\/|mailto:)/i, JSON.stringify(text));
      if (href !== undefined) assert.match(tag.attributes, /rel="noopener noreferrer nofollow"/);
    }
  }
});

test('the text of an attack is still there to be read', () => {
  assert.match(html('<img src=x onerror=alert(1)>'), /&lt;img src=x onerror=alert\(1\)>/);
});

test('only complete addresses are links', () => {
  assert.equal(safeLink('https://example.org/a?b=c#d'), 'https://example.org/a?b=c#d');
  assert.equal(safeLink('mailto:a@example.org'), 'mailto:a@example.org');
  for (const address of [
    'javascript:alert(1)',
    ' java\tscript:x',
    'data:text/html,x',
    '/v1/models',
    'x',
    '//host',
    'https://a b',
    'blob:https://x',
  ]) {
    assert.equal(safeLink(address), null, address);
  }
});

test('character references become the characters', () => {
  assert.equal(
    decodeEntities('a &amp; b &lt; &#40845; &#x9f8d; &nbsp;&unknown; &#0; &#xD800; &#1114112;'),
    'a & b < 龍 龍 \u00a0&unknown; &#0; &#xD800; &#1114112;',
  );
});

test('Markdown comes out as its elements', () => {
  assert.match(html('# One'), /<h3>One<\/h3>/);
  assert.match(
    html('a **b** *c* ~~d~~ `e`'),
    /<strong>b<\/strong> <em>c<\/em> <del>d<\/del> <code>e<\/code>/,
  );
  assert.match(html('3. x\n4. y'), /<ol start="3"><li>x<\/li><li>y<\/li><\/ol>/);
  assert.match(html('|a|b|\n|-|-:|\n|1|2|'), /<td class="align-right">2<\/td>/);
  assert.match(html('> q'), /<blockquote><p>q<\/p><\/blockquote>/);
  assert.match(html('```py\nx = 1\n```'), /<pre[^>]*><code>.*x.*1/s);
});

test('an answer that is still growing never fails to draw', () => {
  const text =
    '# A\n\n**bold *and* `code`** $x^2$ [a](https://e.org)\n\n```js\nlet a = "b";\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n\\[\\frac{1}{2}\\]\n';
  for (let length = 0; length <= text.length; length++) html(text.slice(0, length));
});

test('hostile nesting and length are shown, not parsed forever', () => {
  for (const text of [
    '>'.repeat(20_000),
    '- '.repeat(5_000),
    '['.repeat(20_000),
    '*'.repeat(20_000),
    '`'.repeat(20_000),
    '$'.repeat(20_000),
    '\\('.repeat(5_000),
    '|'.repeat(5_000),
    '&'.repeat(20_000),
    '![['.repeat(3_000),
    '<'.repeat(20_000),
  ]) {
    assert.ok(html(text).length > 0, text.slice(0, 10));
  }
});

test('formulas become MathML, money stays text, nonsense stays as written', () => {
  assert.match(
    html('so $a^2$ is'),
    /<math[^>]*><semantics><mrow><msup><mi>a<\/mi><mn>2<\/mn><\/msup><\/mrow>/,
  );
  assert.match(html('\\(b\\)'), /<mi>b<\/mi>/);
  assert.match(html('$$\\sum_{i=1}^n i$$'), /class="math-display"><math[^>]*display="block"/);
  assert.match(html('\\[\nx\n\\]'), /class="math-display"><math/);
  assert.doesNotMatch(html('$5 and $6'), /<math/);
  assert.match(html('$\\nonsense{$'), /\\nonsense/);
  assert.doesNotMatch(html('`$a$`'), /<math/);
});

test('highlighted code is the code, piece by piece', () => {
  const samples: [string, string][] = [
    ['python', 'def f(x: int) -> str:\n    """Doc <b>"""\n    return f"{x}"  # ok'],
    ['cpp', '#include <vector>\ntemplate <class T> auto f(T&& t) { return t < 5 ? "a" : R"(b)"; }'],
    ['html', '<p onclick="x">&amp;</p><script>let a = `${b}`;</script>'],
    ['json', '{"a": [1, 2.5e3, null]}'],
  ];
  for (const [language, code] of samples) {
    const pieces = highlight(code, language);
    assert.ok(pieces && pieces.length > 1, language);
    assert.equal(pieces.map((piece) => piece.text).join(''), code);
  }
  assert.equal(highlight('x', 'no-such-language'), null);
});

test('every drawn text is found in the source, in order', () => {
  const text =
    '# Title\n\nA **bold** and *thin* word, `code` &amp; more.\n\n> quoted\n> twice\n\n1. one\n   still one\n2. two\n\n```js\nlet a = 1;\nlet b = 2;\n```\n\n|a|b|\n|-|-|\n|1|2|\n';
  const seen: [string, number][] = [];
  html(text, (piece, from) => {
    seen.push([piece, from]);
    return piece;
  });
  let last = 0;
  for (const [piece, from] of seen) {
    if (piece.includes('&')) continue; // written as &amp; in the source
    assert.ok(from >= last, `${JSON.stringify(piece)} at ${from}`);
    assert.equal(text.slice(from, from + piece.length), piece);
    last = from;
  }
  const drawn = seen.map(([piece]) => piece).join('|');
  for (const word of [
    'Title',
    'bold',
    'thin',
    'code',
    'quoted',
    'twice',
    'still one',
    'two',
    'let',
    'a',
    '2',
  ])
    assert.ok(drawn.includes(word), word);
});
