import type { DeadLetterPage, DeadLetterView } from '@chat-cluster/contracts';
import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { ClusterSource } from '../data/cluster-source.ts';
import { formatCount } from '../data/format-figures.ts';
import { useLookup } from '../data/use-lookup.ts';
import { Nothing, Panel } from '../parts/panel.tsx';
import { DeadLetterActions } from './dead-letter-actions.tsx';
import { DeadLetterTable } from './dead-letter-table.tsx';
import classes from './dead-letters.module.css';

/** Most ids of an action. */
const MAX_SELECTED = 100;

interface DeadLettersProps {
  source: ClusterSource;
  canAct: boolean;
  /** Number of dead letters in the last overview; the list itself is loaded on demand. */
  count: number;
}

/** Lists entries that could not be stored, and replays or drops those that are selected. */
export function DeadLetters({ source, canAct, count }: DeadLettersProps) {
  const { letters, selected, setSelected, lookup, loadPage } = useDeadLetterPages(source);
  const { result, failure, loading } = lookup;
  const cursor = result?.page.nextCursor ?? null;
  return (
    <Panel
      title="Dead letters"
      id="dead-letters"
      note={count === 0 ? 'There are none' : `${formatCount(count)} entries could not be stored`}
      actions={
        <Button variant="default" size="xs" loading={loading && !letters} onClick={() => loadPage()}>
          {letters ? 'Load again' : 'Load the list'}
        </Button>
      }
    >
      {failure !== undefined && (
        <p className={classes.failure} role="alert">
          The list could not be loaded. {failure}
        </p>
      )}
      {!letters && failure === undefined && (
        <Nothing>Entries that Postgres refuses are kept with the reason. Their senders have received REJECTED.</Nothing>
      )}
      {letters?.length === 0 && <Nothing>There is no dead letter.</Nothing>}
      {letters && (
        <DeadLetterActions
          source={source}
          canAct={canAct}
          ids={[...selected]}
          full={selected.size >= MAX_SELECTED}
          onDone={() => loadPage()}
        >
          {canAct && letters.length > 0 && <SelectAll letters={letters} selected={selected} onSelect={setSelected} />}
        </DeadLetterActions>
      )}
      {letters && letters.length > 0 && (
        <DeadLetterTable
          letters={letters}
          selected={selected}
          maxSelected={MAX_SELECTED}
          selectable={canAct}
          onSelect={setSelected}
        />
      )}
      {letters && cursor !== null && (
        <div className={classes.more}>
          <Button variant="default" size="xs" loading={loading} onClick={() => loadPage(cursor)}>
            Load more dead letters
          </Button>
          <span className={classes.count}>
            {formatCount(letters.length)} of {formatCount(result?.page.total)}
          </span>
        </div>
      )}
    </Panel>
  );
}

/** The pages that were loaded so far, and the selected ids. Loading the first page starts both anew. */
function useDeadLetterPages(source: ClusterSource) {
  const [letters, setLetters] = useState<readonly DeadLetterView[]>();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const { lookup, load } = useLookup<{ page: DeadLetterPage; first: boolean }>();
  const { result } = lookup;
  useEffect(() => {
    if (!result) return;
    const { page, first } = result;
    setLetters((before = []) => (first ? page.letters : [...before, ...page.letters]));
    if (first) setSelected(new Set());
  }, [result]);
  const loadPage = (cursor?: string) =>
    void load(async (signal) => ({
      page: await source.deadLetters(cursor, signal),
      first: cursor === undefined,
    }));
  return { letters, selected, setSelected, lookup, loadPage };
}

interface SelectAllProps {
  letters: readonly DeadLetterView[];
  selected: ReadonlySet<string>;
  onSelect: (selected: ReadonlySet<string>) => void;
}

function SelectAll({ letters, selected, onSelect }: SelectAllProps) {
  const all = letters.slice(0, MAX_SELECTED).map(({ id }) => id);
  const isSelected = all.every((id) => selected.has(id));
  return (
    <label className={classes.pick}>
      <input type="checkbox" checked={isSelected} onChange={() => onSelect(isSelected ? new Set() : new Set(all))} />
      {letters.length > MAX_SELECTED ? `Select the first ${MAX_SELECTED}` : `Select all ${letters.length}`}
    </label>
  );
}
