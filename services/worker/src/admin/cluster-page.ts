import { API_PATH, type ClusterViewParts, openClusterView } from '@chat-cluster/cluster-view';
import { type OpsPage, webFiles } from '@chat-cluster/runtime';
import type { WorkerConfig } from '../config.ts';

/** The cluster view of the admin listener: its API below `/cluster/api/`, and the page with its assets from WEB_DIR. */
export function clusterPage(parts: ClusterViewParts & { config: Pick<WorkerConfig, 'WEB_DIR'> }): OpsPage {
  const { WEB_DIR } = parts.config;
  const view = openClusterView(parts);
  const files = WEB_DIR === undefined ? undefined : webFiles({ folder: WEB_DIR, page: 'cluster.html' });
  return (request, response) => {
    if (request.url?.startsWith(API_PATH)) return view.handle(request, response);
    if (files?.(request, response)) return;
    const message = files
      ? 'There is no such file. The page is at /cluster.'
      : `The page is not here: set WEB_DIR to the folder that the build of services/web writes. The API is below ${API_PATH}.`;
    response
      .writeHead(404, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify({ error: { code: 'NOT_FOUND', message } }));
  };
}
