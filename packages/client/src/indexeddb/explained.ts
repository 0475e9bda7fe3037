/** Sentences for the errors of browsers that a user or a developer can do something about, by their names. */
const SENTENCES: Record<string, string> = {
  QuotaExceededError: 'The storage of this browser is full. Free some space, then reload the page.',
  VersionError: 'A newer version of this application has changed the database. Reload the page.',
  SecurityError: 'This browser does not allow IndexedDB on this page. Allow storage for it, or leave the private mode.',
  InvalidStateError: 'This browser does not open databases here. Leave the private mode, or reload the page.',
  UnknownError: 'This browser cannot read its database. Reload the page, or delete the data of this site.',
  DataCloneError: 'A value cannot be stored. Pass only strings, numbers and plain objects to `send`.',
};

/** An Error that states what to do, with the original one as its cause. */
export function explained(error: unknown): Error {
  const sentence = SENTENCES[nameOf(error)];
  if (sentence !== undefined) return new Error(sentence, { cause: error });
  return error instanceof Error
    ? error
    : new Error(`IndexedDB failed: ${String(error)}. Reload the page.`, { cause: error });
}

export function nameOf(error: unknown): string {
  return (error as { name?: string } | null)?.name ?? '';
}
