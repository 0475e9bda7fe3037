import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INFRA } from './prometheus-program.ts';

/** The rule files of Prometheus, absolute paths. */
export const RULES = globSync('prometheus/rules/*.yaml', { cwd: INFRA }).map((file) => join(INFRA, file));

/** An alert as its rule file has it. */
export interface WrittenAlert {
  name: string;
  severity: string | undefined;
  runbook: string | undefined;
  /** Absolute path. */
  file: string;
}

export const ALERTS: WrittenAlert[] = RULES.flatMap((file) =>
  readFileSync(file, 'utf8')
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((part) => ({
      name: /^\w+/.exec(part)?.[0] ?? '',
      severity: /^ +severity: (\w+)$/m.exec(part)?.[1],
      runbook: /^ +runbook_url: (\S+)$/m.exec(part)?.[1],
      file,
    })),
);
/** Of all alerts, sorted. */
export const ALERT_NAMES = ALERTS.map(({ name }) => name).sort();
