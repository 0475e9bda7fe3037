/**
 * Generators that break an invariant today, each with what it breaks. The test and `--skip-known` leave them out. Remove an
 * entry when its failure is fixed; the aim is an empty table.
 */
export const KNOWN_FAILURES: Readonly<Record<string, string>> = {
  unreadOutput: 'grows a gateway process by more than 250 MB within half a minute',
};
