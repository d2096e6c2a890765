import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface MenuItem {
  key: string;
  content: ComponentChildren;
  /** For a choice among several: whether it is this one. */
  checked?: boolean;
  danger?: boolean;
  onPick: () => void;
}

/** A button that opens a menu; arrows, Home, End and Escape work as everywhere. */
export function Menu({
  label,
  value = '',
  button,
  buttonClass,
  id,
  items,
  onOpen,
  align = 'start',
}: {
  label: string;
  /** What is chosen now, as the button shows it. */
  value?: string;
  button: ComponentChildren;
  buttonClass: string;
  id?: string;
  items: MenuItem[];
  onOpen?: () => void;
  align?: 'start' | 'end';
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);

  const close = (back: boolean) => {
    setOpen(false);
    if (back) opener.current?.focus();
  };
  useLayoutEffect(() => {
    if (!open) return;
    const entries = box.current?.querySelectorAll<HTMLElement>('[role^=menuitem]');
    const checked = box.current?.querySelector<HTMLElement>('[aria-checked=true]');
    (checked ?? entries?.[0])?.focus();
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const entries = [...(box.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];
    const at = entries.indexOf(document.activeElement as HTMLElement);
    const to = {
      ArrowDown: (at + 1) % entries.length,
      ArrowUp: (at - 1 + entries.length) % entries.length,
      Home: 0,
      End: entries.length - 1,
    }[event.key];
    if (to !== undefined) entries[to]?.focus();
    else if (event.key === 'Escape') close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu" ref={box} onKeyDown={onKeyDown}>
      <button
        type="button"
        id={id}
        ref={opener}
        class={buttonClass}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={value ? `${label}: ${value}` : label}
        title={label}
        onClick={() => {
          if (!open) onOpen?.();
          setOpen(!open);
        }}
      >
        {button}
      </button>
      {open && (
        <div class={`menu-list ${align}`} role="menu" aria-label={label}>
          {items.map((item) => (
            <button
              key={item.key}
              type="button"
              role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
              aria-checked={item.checked}
              tabIndex={-1}
              class={item.danger ? 'menu-item danger' : 'menu-item'}
              onClick={() => {
                close(true);
                item.onPick();
              }}
            >
              {item.content}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
