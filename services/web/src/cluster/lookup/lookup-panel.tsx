import { useCallback, useEffect, useRef } from 'react';
import { useLookup } from '../data/use-lookup.ts';
import { Panel } from '../parts/panel.tsx';
import classes from './lookup.module.css';
import { LookupForm } from './lookup-form.tsx';

interface LookupPanelProps<Result> {
  title: string;
  note: string;
  /** Target of links within the page. */
  anchor: string;
  label: string;
  placeholder: string;
  maxLength: number;
  /** The id in the address of the page, if it has one. */
  id: string | undefined;
  /** Must stay the same function between renders: another one loads the id again. */
  request: (id: string, signal: AbortSignal) => Promise<Result>;
  linkOf: (id: string) => string;
  children: (result: Result, reload: () => void) => React.ReactNode;
}

/** A form for one id, and the result for the id in the address of the page. */
export function LookupPanel<Result>(props: LookupPanelProps<Result>) {
  const { title, note, anchor, label, placeholder, maxLength, id, request, linkOf, children } = props;
  const { lookup, load } = useLookup<Result>();
  const { result, failure, loading } = lookup;
  const loadId = useCallback((next: string) => void load((signal) => request(next, signal)), [load, request]);
  const latestId = useRef(id);
  // A later call does nothing if another id was looked up meanwhile.
  const reload = () => {
    if (id !== undefined && id === latestId.current) loadId(id);
  };
  useEffect(() => {
    latestId.current = id;
    if (id === undefined) return;
    loadId(id);
    document.getElementById(anchor)?.scrollIntoView({ block: 'start' });
  }, [id, anchor, loadId]);
  return (
    <Panel title={title} id={anchor} note={note}>
      <LookupForm
        label={label}
        placeholder={placeholder}
        current={id}
        maxLength={maxLength}
        loading={loading}
        onSubmit={(next) => {
          if (next === id) loadId(next);
          else window.location.hash = linkOf(next);
        }}
      />
      {failure !== undefined && (
        <p className={classes.message} role="alert">
          {failure}
        </p>
      )}
      {result !== undefined && children(result, reload)}
    </Panel>
  );
}
