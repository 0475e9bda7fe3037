import type { Attachment } from '@chat-cluster/client';

/** A message of the pictures. */
export interface Line {
  from: string;
  text: string;
  attachments?: readonly Attachment[];
  /** Age, in minutes. */
  ago: number;
}

/** A conversation that exists before the pictures are taken. `unread`: the newest lines that `reader` has not read. */
export interface Story {
  lines: readonly Line[];
  users: readonly [string, string];
  unread?: { reader: string; count: number };
}

export const FIRST = 'maria';
export const SECOND = 'jonas';

const PHOTO = 'https://files.example.com/photos/garden-terrace.jpg';
const PLAN = 'https://files.example.com/venue/floor-plan.pdf';

/** Two people who prepare a summer party, and their other conversations. */
export const STORIES: readonly Story[] = [
  {
    users: [FIRST, SECOND],
    lines: [
      {
        from: FIRST,
        text: 'Good morning! The venue has sent the floor plan.',
        ago: 64,
        attachments: [{ url: PLAN, type: 'PDF' }],
      },
      { from: SECOND, text: 'That was quick. Does it show the second stage?', ago: 62 },
      {
        from: FIRST,
        text: 'Yes, right here, beside the terrace.',
        ago: 12,
        attachments: [{ url: PHOTO, type: 'IMAGE' }],
      },
    ],
  },
  {
    users: [FIRST, 'priya'],
    lines: [
      { from: 'priya', text: 'The invitations are printed.', ago: 24 },
      { from: 'priya', text: 'Could you send me the guest list?', ago: 23 },
    ],
    unread: { reader: FIRST, count: 2 },
  },
  story([FIRST, 'samuel'], { from: FIRST, text: 'The band can set up from 3 pm.', ago: 95 }),
  story([FIRST, 'aiko'], { from: 'aiko', text: 'Thanks, I will call the caterer.', ago: 190 }),
  story([FIRST, 'oliver'], { from: 'oliver', text: 'Lights and cables are ordered.', ago: 1_500 }),
  story([FIRST, 'fatima'], { from: FIRST, text: 'Great, then we have a photographer!', ago: 1_620 }),
  story([FIRST, 'lucas'], { from: 'lucas', text: 'The train arrives at half past ten.', ago: 3_100 }),
  {
    users: [SECOND, 'elena'],
    lines: [{ from: 'elena', text: 'The permit is approved.', ago: 47 }],
    unread: { reader: SECOND, count: 1 },
  },
  story([SECOND, 'thomas'], { from: SECOND, text: 'Two speakers are enough for the terrace.', ago: 130 }),
  story([SECOND, 'grace'], { from: 'grace', text: 'I have reserved the van.', ago: 240 }),
  story([SECOND, 'henrik'], { from: SECOND, text: 'Which size do you need?', ago: 1_540 }),
  story([SECOND, 'nadia'], { from: 'nadia', text: 'Count me in.', ago: 1_700 }),
  story([SECOND, 'paul'], { from: 'paul', text: 'The tent is 6 by 12 metres.', ago: 3_200 }),
];

/** Written in front of the camera, in turn, beginning with the second user. */
export const LIVE: readonly string[] = [
  'Beautiful. Is there room for 120 chairs?',
  'For 140, if the bar opens in the evening.',
  'Then let us do that.',
];

/** The photo, as a drawing: a terrace in the evening. */
export const DRAWING = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 528 352">
<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="#27476e"/><stop offset=".55" stop-color="#d98b73"/><stop offset="1" stop-color="#f6d49a"/></linearGradient></defs>
<rect width="528" height="352" fill="url(#s)"/><circle cx="372" cy="196" r="34" fill="#fff1c9"/>
<path d="M0 226Q90 160 190 214T380 206T528 190V352H0z" fill="#5b6f7d"/><path d="M0 252Q120 206 250 246T528 232V352H0z" fill="#3c5560"/>
<path d="M0 282H528V352H0z" fill="#2b3b3f"/><path d="M0 282H528V290H0z" fill="#47585b"/>
<g fill="#24424a"><path d="M60 282V150h8v132z"/><path d="M64 96c40 0 58 30 52 60-34 14-70 14-104 0-6-30 12-60 52-60z"/><path d="M460 282V176h7v106z"/><path d="M463 128c32 0 46 24 42 48-28 12-56 12-84 0-4-24 10-48 42-48z"/></g>
<path d="M64 118Q264 176 463 140" fill="none" stroke="#1d2b2f" stroke-width="2"/>
<g fill="#ffe9a8"><circle cx="112" cy="132" r="5"/><circle cx="164" cy="144" r="5"/><circle cx="216" cy="151" r="5"/><circle cx="268" cy="154" r="5"/><circle cx="320" cy="153" r="5"/><circle cx="372" cy="149" r="5"/><circle cx="424" cy="144" r="5"/></g>
<g fill="#d9c7a3"><path d="M150 306h60v6h-60zM156 312h5v24h-5zM199 312h5v24h-5zM300 302h72v6h-72zM308 308h5v30h-5zM359 308h5v30h-5z"/></g></svg>`;

function story(users: Story['users'], line: Line): Story {
  return { users, lines: [line] };
}
