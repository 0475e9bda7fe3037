import type { LocalAction, LocalKind, LocalProcess } from '@chat-cluster/contracts';
import { Button } from '@mantine/core';
import type { LocalControl } from '../data/cluster-source.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { OutcomeNotice } from '../parts/notice.tsx';
import { Nothing, Panel } from '../parts/panel.tsx';
import { StatusMark, type Tone } from '../parts/status-mark.tsx';
import { useAction } from '../parts/use-action.ts';
import { Ledger } from './ledger.tsx';
import classes from './local.module.css';

const STATES: Record<LocalProcess['state'], { tone: Tone; text: string }> = {
  running: { tone: 'good', text: 'Running' },
  paused: { tone: 'warning', text: 'Paused' },
  draining: { tone: 'busy', text: 'Draining' },
  restarting: { tone: 'busy', text: 'Restarting' },
  ended: { tone: 'off', text: 'Ended' },
};

const KINDS: Record<LocalKind, string> = {
  gateway: 'Gateway',
  worker: 'Worker',
  redis: 'Redis',
  postgres: 'Postgres',
  prober: 'Prober',
};

/** Each row has all buttons of its kind; those that are not possible now are disabled. */
const ACTIONS: readonly { action: LocalAction; label: string; hint: string }[] = [
  { action: 'pause', label: 'Pause', hint: 'The process hangs: its connections stay open, but nothing is answered' },
  { action: 'resume', label: 'Resume', hint: 'The process continues' },
  { action: 'drain', label: 'Drain', hint: 'An orderly end: clients move to other gateways, lanes to other workers' },
  { action: 'kill', label: 'Kill', hint: 'The process ends at once, as in a crash' },
];
const ACTIONS_OF: Record<LocalKind, readonly LocalAction[]> = {
  gateway: ['pause', 'resume', 'drain', 'kill'],
  worker: ['pause', 'resume', 'drain', 'kill'],
  redis: ['pause', 'resume', 'kill'],
  postgres: ['pause', 'resume', 'kill'],
  prober: ['pause', 'resume', 'kill'],
};

const nameOf = ({ name }: LocalProcess) => name;

/** Breaks parts of the cluster of this machine, and shows what its users notice. */
export function LocalPanel({ control, processes }: { control: LocalControl; processes: readonly LocalProcess[] }) {
  const { running, outcome, run } = useAction();
  const act = ({ name }: LocalProcess, action: LocalAction) => void run(() => control.act(name, action));
  const add = (kind: LocalKind) => void run(() => control.add(kind));
  return (
    <Panel
      title="Processes of this machine"
      id="local"
      note="Only in local mode"
      actions={
        <>
          <Button variant="default" size="xs" disabled={running} onClick={() => add('gateway')}>
            Add a gateway
          </Button>
          <Button variant="default" size="xs" disabled={running} onClick={() => add('worker')}>
            Add a worker
          </Button>
        </>
      }
    >
      {processes.length === 0 ? (
        <Nothing>No process runs.</Nothing>
      ) : (
        <DataTable
          label="Processes of this machine"
          columns={columnsOf(running, act)}
          rows={processes}
          keyOf={nameOf}
          nameOf={nameOf}
        />
      )}
      <OutcomeNotice outcome={outcome} />
      <Ledger />
    </Panel>
  );
}

function columnsOf(
  running: boolean,
  act: (process: LocalProcess, action: LocalAction) => void,
): Column<LocalProcess>[] {
  return [
    { key: 'name', title: 'Process', cell: nameOf },
    { key: 'kind', title: 'Kind', cell: ({ kind }) => KINDS[kind] },
    {
      key: 'state',
      title: 'State',
      cell: ({ state }) => <StatusMark tone={STATES[state].tone}>{STATES[state].text}</StatusMark>,
    },
    { key: 'pid', title: 'Pid', cell: ({ pid }) => (pid === 0 ? '' : pid), numeric: true },
    {
      key: 'actions',
      title: 'Actions',
      cell: (process) => (
        <span className={classes.buttons}>
          {ACTIONS.filter(({ action }) => ACTIONS_OF[process.kind].includes(action)).map(({ action, label, hint }) => (
            <button
              key={action}
              type="button"
              className={classes.button}
              title={hint}
              aria-label={`${label} ${process.name}`}
              disabled={running || !process.actions.includes(action)}
              onClick={() => act(process, action)}
            >
              {label}
            </button>
          ))}
        </span>
      ),
    },
  ];
}
