/** A phrase that this repository does not use, neither in prose nor in names. */
export interface Rule {
  /** Matched against each line, case-insensitively. */
  pattern: RegExp;
  /** The plain form. */
  instead: string;
}

/**
 * Phrases that make technical prose hard to read. A server is not a person; a sentence has a noun as its subject; a
 * figure or a name is more precise than "so many". Each rule names a plain form, so that a finding is quickly fixed.
 */
export const RULES: readonly Rule[] = [
  { pattern: /\b(hears?|heard|hearing|hearers?)\b/i, instead: 'receives, gets' },
  { pattern: /\b(tells?|told|telling)\b/i, instead: 'notifies, reports, shows, states' },
  { pattern: /\b(says?|said|saying)\b/i, instead: 'reports, states, explains, shows' },
  { pattern: /\/\*\* Of\b/, instead: 'a noun first: "Entries of one run."' },
  { pattern: /\bcan not\b/i, instead: 'cannot' },
  { pattern: /\bin vain\b/i, instead: 'without success' },
  { pattern: /\b(in|for|so) so (many|long|much)\b/i, instead: 'the figure, or the name of the constant' },
  { pattern: /\bof (now|theirs|yours|ours|old)\b/i, instead: 'a noun, such as "the current …" or "your own …"' },
  {
    pattern: /\b(whom|whoever|(?<!')nobody|everybody|somebody|anybody)\b/i,
    instead: 'the client, no process, all gateways',
  },
  { pattern: /\b(that|those) which\b/i, instead: 'a noun' },
  { pattern: /\bit is (here|there) that\b/i, instead: 'a noun as the subject' },
  { pattern: /\b(bears?|bore|borne) (a|an|the|it|that|this|bursts?)\b/i, instead: 'withstands, tolerates' },
  { pattern: /\bgoodbyes?\b/i, instead: 'close frame, closing handshake' },
  { pattern: /\b(are|is) asked (to|for|whether|again)\b/i, instead: 'an active verb: the gateway requests …' },
  { pattern: /\bwithout a word\b/i, instead: 'silently' },
  { pattern: /\bwants? (a look|some)\b/i, instead: 'investigate, requests' },
];
