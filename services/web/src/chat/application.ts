import { createStore, type StoreApi } from 'zustand';
import { type HostedApplication, openHosted } from './hosted/hosted.ts';
import { type LocalPanes, openLocalPanes } from './local/local-panes.ts';
import { createTraffic, type Traffic } from './local/traffic.ts';
import { readPageConfig } from './session/page-config.ts';

export type Application =
  | { phase: 'loading' }
  | { phase: 'failed'; problem: string }
  | { phase: 'local'; panes: LocalPanes; traffic: StoreApi<Traffic> }
  | { phase: 'hosted'; hosted: HostedApplication };

/** Time limit for the server to return the configuration of the page, in ms. */
const CONFIG_MS = 10_000;

/** The state of the page. Created once, outside of components. */
export const application: StoreApi<Application> = createStore<Application>(() => ({ phase: 'loading' }));

export async function startApplication(): Promise<void> {
  application.setState({ phase: 'loading' }, true);
  try {
    const config = await readPageConfig(AbortSignal.timeout(CONFIG_MS));
    if (config.mode === 'local') {
      const panes = openLocalPanes(config.local);
      application.setState({ phase: 'local', panes, traffic: createTraffic(panes) }, true);
    } else {
      application.setState({ phase: 'hosted', hosted: openHosted(config.hosted) }, true);
    }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    application.setState({ phase: 'failed', problem }, true);
  }
}
