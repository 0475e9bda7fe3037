import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INFRA } from './prometheus-program.ts';

/** Absolute paths of Prometheus' rule files. */
export const RULE_FILES = globSync('prometheus/rules/*.yaml', { cwd: INFRA }).map((file) => join(INFRA, file));

/** An alert in a rule file. */
export interface AlertRule {
  name: string;
  severity: string | undefined;
  runbook: string | undefined;
  /** Absolute path of the rule file. */
  file: string;
}

export const ALERTS: AlertRule[] = RULE_FILES.flatMap((file) =>
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
/** Names of all alerts, sorted. */
export const ALERT_NAMES = ALERTS.map(({ name }) => name).sort();
