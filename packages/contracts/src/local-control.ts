import type { UserId } from './ids.ts';

/*
 * The requests that `npm start` accepts from the pages of its cluster, on this machine only. The gateway serves LocalPage
 * at `GET /local.json`; a page of another origin cannot read it. Every request to `control` needs the `token` of this
 * start as a bearer token, a POST has a JSON body, and `Host` and `Origin` are checked.
 *
 *   POST {control}/tokens                     {userId}   LocalToken
 *   GET  {control}/processes                             {processes: LocalProcess[]}
 *   POST {control}/processes                  {kind}     LocalActionResult: adds a gateway or a worker
 *   POST {control}/processes/:name/:action    {}         LocalActionResult
 *   *    {control}/cluster/api/...                       the API of the cluster view
 */

/** `GET /local.json`; 204 on every other cluster. */
export interface LocalPage {
  /** Origin of the control server, such as `http://127.0.0.1:41234`. */
  control: string;
  token: string;
  /** Names of the gateways behind this port. */
  gateways: readonly string[];
}

export interface LocalToken {
  token: string;
  userId: UserId;
  expiresInMs: number;
}

export type LocalKind = 'gateway' | 'worker' | 'redis' | 'postgres' | 'prober';
export type LocalAction = 'kill' | 'pause' | 'resume' | 'drain';

export interface LocalProcess {
  name: string;
  kind: LocalKind;
  /** 0 while it restarts. */
  pid: number;
  state: 'running' | 'paused' | 'draining' | 'restarting' | 'ended';
  /** The actions that are possible now. */
  actions: readonly LocalAction[];
}

export interface LocalActionResult {
  /** One sentence. */
  done: string;
  process: LocalProcess;
}
