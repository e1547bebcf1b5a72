/*
 * A button with a menu (ARIA's menu button): arrows, Home, End and first letters move, Escape and Tab close, the focus goes back to the button.
 * The menu lies in the browser's top layer, inside the window at the button, above it when there is no room below.
 */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon";

export type MenuEntry =
  | { kind?: "item"; label: string; icon?: IconName; danger?: boolean; checked?: boolean; act: () => void }
  | { kind: "heading"; label: string }
  | { kind: "line" };

export interface MenuProps {
  label: string;
  class: string;
  entries: () => MenuEntry[];
  children: ComponentChildren;
  disabled?: boolean;
}

const EDGE_PX = 8;

export function Menu({ label, class: more, entries, children, disabled }: MenuProps): VNode {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (giveBack: boolean): void => {
    setOpen(false);
    if (giveBack) button.current?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class={more}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        disabled={disabled}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        {children}
      </button>
      {open && button.current && <MenuList id={id} label={label} entries={entries()} at={button.current} close={close} />}
    </>
  );
}

interface MenuListProps {
  id: string;
  label: string;
  entries: MenuEntry[];
  at: HTMLElement;
  close: (giveBack: boolean) => void;
}

function MenuList({ id, label, entries, at, close }: MenuListProps): VNode {
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (!list.current) return;
    list.current.showPopover();
    place(list.current, at);
    (list.current.querySelector<HTMLElement>('[aria-checked="true"]') ?? items(list.current)[0])?.focus();
  }, []);
  useEffect(() => {
    const away = (event: Event): void => {
      const target = event.target as Node;
      if (!list.current?.contains(target) && !at.contains(target)) close(false);
    };
    const gone = (): void => close(false);
    document.addEventListener("pointerdown", away);
    addEventListener("resize", gone);
    return () => {
      document.removeEventListener("pointerdown", away);
      removeEventListener("resize", gone);
    };
  }, []);
  return (
    <div ref={list} id={id} class="menu" role="menu" popover="manual" aria-label={label} onKeyDown={(event) => move(event, close)}>
      {entries.map((entry, index) => {
        if (entry.kind === "line") return <hr key={index} class="menu-line" />;
        if (entry.kind === "heading") {
          return (
            <div key={index} class="menu-heading" role="presentation">
              {entry.label}
            </div>
          );
        }
        return (
          <button
            key={index}
            type="button"
            class={entry.danger ? "menu-item menu-danger" : "menu-item"}
            role={entry.checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={entry.checked}
            tabIndex={-1}
            onClick={() => {
              close(true);
              entry.act();
            }}
          >
            {entry.icon && <Icon name={entry.icon} />}
            <span dir="auto">{entry.label}</span>
            {entry.checked && (
              <span class="menu-tick">
                <Icon name="check" />
              </span>
            )}
          </button>
        );
      })}
    </div>
  );
}

const items = (list: Element): HTMLElement[] => [...list.querySelectorAll<HTMLElement>(".menu-item")];

function place(list: HTMLElement, at: HTMLElement): void {
  const anchor = at.getBoundingClientRect();
  const box = list.getBoundingClientRect();
  const below = anchor.bottom + 4;
  const top = below + box.height > innerHeight - EDGE_PX ? Math.max(EDGE_PX, anchor.top - 4 - box.height) : below;
  const start = anchor.left + box.width > innerWidth - EDGE_PX ? anchor.right - box.width : anchor.left;
  list.style.top = `${top}px`;
  list.style.left = `${Math.max(EDGE_PX, Math.min(start, innerWidth - EDGE_PX - box.width))}px`;
}

function move(event: KeyboardEvent, close: (giveBack: boolean) => void): void {
  const list = event.currentTarget as HTMLElement;
  const all = items(list);
  const now = all.indexOf(document.activeElement as HTMLElement);
  const to = target(event.key, all, now);
  if (event.key === "Escape" || event.key === "Tab") {
    if (event.key === "Escape") event.preventDefault();
    event.stopPropagation();
    close(true);
  } else if (to) {
    event.preventDefault();
    event.stopPropagation();
    to.focus();
  }
}

function target(key: string, all: HTMLElement[], now: number): HTMLElement | undefined {
  if (key === "ArrowDown") return all[(now + 1) % all.length];
  if (key === "ArrowUp") return all[(now - 1 + all.length) % all.length];
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key.length !== 1 || key === " ") return undefined;
  const after = [...all.slice(now + 1), ...all.slice(0, now + 1)];
  return after.find((item) => item.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()));
}
