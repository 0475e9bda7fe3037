import { useEffect, useState } from 'react';
import { LEDGER_CHANNEL, type LedgerTotals } from '../../ui/ledger.ts';
import { openTabChannel } from '../../ui/tab-channel.ts';
import type { Ledger } from './ledger.ts';

/** Shortest time between two views of the ledger, in ms. */
const INTERVAL_MS = 250;

/** The totals, at most four times per second. Publishes them for the cluster view in another tab. */
export function useLedger(ledger: Ledger): LedgerTotals {
  const [totals, setTotals] = useState(() => ledger.get());
  useEffect(() => {
    const channel = openTabChannel(LEDGER_CHANNEL);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      const current = ledger.get();
      setTotals(current);
      channel.post(current);
    };
    const off = ledger.subscribe(() => {
      timer ??= setTimeout(show, INTERVAL_MS);
    });
    show();
    return () => {
      off();
      clearTimeout(timer);
      channel.close();
    };
  }, [ledger]);
  return totals;
}
