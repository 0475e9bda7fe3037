/** Paths on a grid of 24 × 24, drawn as lines of 1.75. */
const PATHS = {
  attach: 'M20 11.5 12.2 19a5 5 0 0 1-7-7.1l8-7.7a3.3 3.3 0 0 1 4.7 4.7l-8 7.7a1.7 1.7 0 0 1-2.4-2.3l7.3-7.1',
  archive: 'M4 5h16v4H4zM6 9v10h12V9M10 13h4',
  back: 'M15 5l-7 7 7 7',
  block: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM5.8 5.8l12.4 12.4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  checks: 'M2 12.5l4.5 4.5L16 7.5M12 16.5l.5.5L22 7.5',
  chart: 'M4 20V4M4 20h16M8 16v-4M12.5 16V8M17 16v-6',
  chat: 'M20 12a8 8 0 0 1-11.6 7.1L4 20l1-4.2A8 8 0 1 1 20 12Z',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.5V12l3 2',
  close: 'M6 6l12 12M18 6L6 18',
  columns: 'M4 5h16v14H4zM12 5v14',
  down: 'M6 9.5l6 6 6-6',
  exit: 'M10 5H5v14h5M14 8l4 4-4 4M18 12H9',
  file: 'M7 3h7l4 4v14H7zM14 3v4h4',
  gap: 'M4 7h16M4 17h16M7 12h.01M12 12h.01M17 12h.01',
  gateway: 'M4 6h16v5H4zM4 13h16v5H4zM7.5 8.5h.01M7.5 15.5h.01',
  image: 'M4 5h16v14H4zM4 16l4.5-4.5 4 4L16 12l4 4M15 9.5h.01',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5M12 8h.01',
  mail: 'M4 6h16v12H4zM4 7l8 6 8-6',
  moon: 'M20 14.5A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.5Z',
  more: 'M5.5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0M11.5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0M17.5 12a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0',
  mute: 'M6 16V11a6 6 0 0 1 9-5.2M18 11v5H6l-2 2M10 20h4M4 4l16 16',
  pen: 'M4 20l1-4L16.5 4.5l3 3L8 19zM14 7l3 3',
  refresh: 'M20 11a8 8 0 0 0-14.5-3.5L4 9M4 4v5h5M4 13a8 8 0 0 0 14.5 3.5L20 15M20 20v-5h-5',
  reply: 'M9 6 4 11l5 5M4 11h9a7 7 0 0 1 7 7v1',
  send: 'M12 20V5M6 11l6-6 6 6',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  system: 'M3 5h18v11H3zM9 20h6M12 16v4',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  up: 'M6 14.5l6-6 6 6',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20a7.5 7.5 0 0 1 15 0',
  users:
    'M9 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a4 4 0 0 1 0 7M18 14.5a6.5 6.5 0 0 1 3.5 5.5',
  warning: 'M12 3.5 22 20H2zM12 10v4.5M12 17.5h.01',
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing without a name of its own: the control or the text beside it has one. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
