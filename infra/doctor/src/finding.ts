/** The result of one check. */
export interface Finding {
  /** Name of the check. */
  check: string;
  /**
   * `failed`: broken, or will break. `warning`: works, but should be changed. `skipped`: the check could not run;
   * `found` names the missing setting or the reason.
   */
  state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** One sentence with the figures. */
  found: string;
  /** What to do. Absent only for `ok`. */
  fix?: string;
}

export type Reporter = ReturnType<typeof reporter>;

/** Creates the findings of the check named `check`. */
export function reporter(check: string) {
  return {
    ok: (found: string): Finding => ({ check, state: 'ok', found }),
    warning: (found: string, fix: string): Finding => ({ check, state: 'warning', found, fix }),
    failed: (found: string, fix: string): Finding => ({ check, state: 'failed', found, fix }),
    skipped: (found: string, fix: string): Finding => ({ check, state: 'skipped', found, fix }),
  };
}
