const paths = {
  die: 'M5 3.5h10A1.5 1.5 0 0 1 16.5 5v10a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 15V5A1.5 1.5 0 0 1 5 3.5Z',
  branch: 'M6 4v12M6 11c0-4 8-2 8-6M14 5V4M12 6l2-2 2 2',
  scissors: 'M5 14.5a1.8 1.8 0 1 0 0-.01ZM5 5.5a1.8 1.8 0 1 0 0-.01ZM6.6 6.6 16 14M6.6 13.4 16 6',
  left: 'M12 5l-5 5 5 5',
  right: 'M8 5l5 5-5 5',
  down: 'M5 8l5 5 5-5',
  close: 'M5 5l10 10M15 5L5 15',
  plus: 'M10 4v12M4 10h12',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l4 4',
  menu: 'M3.5 6h13M3.5 10h13M3.5 14h13',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  sliders: 'M4 6h6M14 6h2M4 14h2M10 14h6M12 4v4M8 12v4',
  copy: 'M7.5 7.5h8v9h-8ZM12.5 7.5v-4h-8v9h3',
  check: 'M4 10.5l4 4 8-9',
  again: 'M15.5 8A6 6 0 1 0 16 11M16 4v4h-4',
  edit: 'M4 16l.8-3.2L13 4.6a1.4 1.4 0 0 1 2 0l.4.4a1.4 1.4 0 0 1 0 2L7.2 15.2Z',
  send: 'M10 16V4M5 9l5-5 5 5',
  stop: 'M6 6h8v8H6Z',
  play: 'M6.5 4.5l9 5.500-9 5.500Z',
  thought: 'M6 12.5A4 4 0 1 1 8 5a4 4 0 0 1 7 3.5 3 3 0 0 1-1 5.5H7M6 16.5h.01',
  download: 'M10 4v9M6 9l4 4 4-4M4 14v2h12v-2',
  trash: 'M4.5 6h11M8 6V4h4v2M6 6l.7 10h6.6L14 6',
  keyboard: 'M3 6h14v8H3ZM6 9h.01M9 9h.01M12 9h.01M15 9h.01M7 11.5h6',
  sun: 'M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM10 2.5V4M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M4.7 15.3l1-1M14.3 5.7l1-1',
  moon: 'M15.5 12A6.5 6.5 0 0 1 8 4.5a6 6 0 1 0 7.5 7.5Z',
  screen: 'M3.5 4.5h13v9h-13ZM7.5 16.5h5',
  globe: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM3 10h14M10 3c-5 4.500-5 9.500 0 14M10 3c5 4.500 5 9.500 0 14',
  curve: 'M3.5 3.500v13h13M6 6c1.500 6 4 7.500 9.500 7.500',
  warning: 'M10 3.500 17.500 16h-15ZM10 8v4M10 14h.01',
} as const;

/** The five on a die's face. */
const pips = 'M7 7h.01M13 13h.01M10 10h.01M13 7h.01M7 13h.01';

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
      {name === 'die' && <path class="pips" d={pips} />}
    </svg>
  );
}
