import { computed, signal } from '@preact/signals';

export interface TokenPlace {
  message: string;
  index: number;
}

/** The token that the panel stays with. */
export const pinned = signal<TokenPlace | null>(null);
/** The token under the pointer or the keyboard's focus, with where it is on the screen. */
export const pointed = signal<(TokenPlace & { box: DOMRect }) | null>(null);

/** The token whose dice are shown: looking at another one lasts as long as the pointer is there. */
export const shownToken = computed<TokenPlace | null>(() =>
  pinned.value === null ? null : (pointed.value ?? pinned.value),
);

export function pin(place: TokenPlace | null): void {
  pinned.value = place;
}

/** Where a click was made: the page moves when the panel opens, the pointer does not. */
let clicked: { x: number; y: number } | null = null;

function isStill(event: PointerEvent): boolean {
  return clicked !== null && Math.hypot(event.clientX - clicked.x, event.clientY - clicked.y) < 4;
}

let waiting: ReturnType<typeof setTimeout> | undefined;

function placeOf(target: EventTarget | null): (TokenPlace & { box: DOMRect }) | null {
  if (!(target instanceof Element)) return null;
  const token = target.closest<HTMLElement>('[data-token]');
  const message = token?.closest<HTMLElement>('[data-message]')?.dataset.message;
  if (!token || !message) return null;
  return { message, index: Number(token.dataset.token), box: token.getBoundingClientRect() };
}

/** Listeners for an element that holds tokens. */
export const tokenEvents = {
  onPointerOver(event: PointerEvent): void {
    if (event.pointerType === 'touch' || isStill(event)) return;
    clicked = null;
    clearTimeout(waiting);
    const place = placeOf(event.target);
    // A moment's rest on a token is meant; a pointer on its way elsewhere is not.
    waiting = setTimeout(() => (pointed.value = place), place ? 160 : 60);
  },
  onPointerLeave(): void {
    clearTimeout(waiting);
    waiting = setTimeout(() => (pointed.value = null), 60);
  },
  onClick(event: MouseEvent): void {
    const place = placeOf(event.target);
    if (!place || (event.target instanceof Element && event.target.closest('a'))) return;
    // Whoever marks text does not mean the dice.
    if (!window.getSelection()?.isCollapsed) return;
    clearTimeout(waiting);
    clicked = { x: event.clientX, y: event.clientY };
    pointed.value = null;
    pin(place);
  },
};
