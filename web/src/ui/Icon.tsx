/* Our own line drawings on a grid of 24; never announced, since the button around them has a name. */
import type { VNode } from "preact";

const PATHS = {
  plus: "M12 5v14M5 12h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4",
  close: "M6 6l12 12M18 6 6 18",
  side: "M4 5.5h16v13H4zM9.5 5.5v13",
  dots: "M5 12h.01M12 12h.01M19 12h.01",
  sliders: "M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  clip: "M19 11.5 12 18.4a4.2 4.2 0 0 1-6-6l7.4-7.2a2.8 2.8 0 0 1 4 4L10 16.4a1.4 1.4 0 0 1-2-2l6.4-6.2",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  pen: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  again: "M19 12a7 7 0 1 1-2-4.9M19 4v4h-4",
  forward: "M5 12h13M13 6.5l5.5 5.5L13 17.5",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  chevron: "M7 10l5 5 5-5",
  bin: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v5.5M13.5 10.5v5.5",
  out: "M12 4v10M8 8l4-4 4 4M5 14v5.5h14V14",
  into: "M12 4v10M8 10l4 4 4-4M5 14v5.5h14V14",
  file: "M7 3.5h7l4 4v13H7zM14 3.5v4h4",
  key: "M14.5 13.5a4.5 4.5 0 1 0-4.3-3.2L4 16.5V20h3.5v-2.5H10V15l1.2-1.2a4.5 4.5 0 0 0 3.3-.3ZM15.5 8.5h.01",
  door: "M14 4.5h5v15h-5M4 12h10M10.5 8.5 14 12l-3.5 3.5",
  keyboard: "M3.5 7h17v10h-17zM7 10h.01M10.5 10h.01M14 10h.01M17 10h.01M8 14h8",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/* The wall and the water that it keeps out. */
export function Mark(): VNode {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-wall" d="M4 5h10v6H4zM16 5h12v6H16zM4 13h5v6H4zM11 13h11v6H11zM24 13h4v6h-4z" />
      <path class="mark-water" d="M2 24c3-3 6-3 9.3 0s6.300 3 9.300 0 6.300-3 9.400 0M2 29c3-3 6-3 9.300 0s6.300 3 9.300 0 6.300-3 9.400 0" />
    </svg>
  );
}

/* Moves while something is awaited; still when motion is unwelcome. */
export function Swell(): VNode {
  return (
    <svg class="swell" viewBox="0 0 40 16" aria-hidden="true">
      <path d="M0 8c3.300-6 6.700-6 10 0s6.700 6 10 0 6.700-6 10 0 6.700 6 10 0 6.700-6 10 0 6.700 6 10 0" />
    </svg>
  );
}
