/** What a check has found. */
export interface Finding {
  /** The name of the check. */
  check: string;
  /**
   * `failed`: it breaks, or will. `warning`: it works, and something better is known. `skipped`: it could not be looked at, and
   * `found` says what is missing.
   */
  state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** One sentence with the figures. */
  found: string;
  /** What to do, for all but `ok`. */
  fix?: string;
}

/** The findings of one check, so that its name is written once. */
export function reporter(check: string) {
  return {
    ok: (found: string): Finding => ({ check, state: 'ok', found }),
    warning: (found: string, fix: string): Finding => ({ check, state: 'warning', found, fix }),
    failed: (found: string, fix: string): Finding => ({ check, state: 'failed', found, fix }),
    skipped: (found: string, fix: string): Finding => ({ check, state: 'skipped', found, fix }),
  };
}

/** The reason alone, for a sentence. */
export function reasonOf(error: unknown): string {
  const { code, message, errors } = error as { code?: string; message?: string; errors?: unknown[] };
  // Of a host with several addresses.
  if (errors?.length) return reasonOf(errors[0]);
  return message || code || String(error);
}
