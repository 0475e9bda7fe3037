import type { ClusterOverview } from '@chat-cluster/contracts';
import type { TestCluster } from '@chat-cluster/testkit';

/** ADMIN_TOKEN of the clusters of these tests. */
export const ADMIN_TOKEN = 'a-token-of-this-test-only-0123456789';

/** Requests to the API of the cluster view, as an operator who has the token. */
export function viewClient(base: string, token: string | undefined = ADMIN_TOKEN) {
  const authorization = `Basic ${Buffer.from(`olga:${token}`).toString('base64')}`;
  async function request<T>(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
    const response = await fetch(`${base}/cluster/api/${path}`, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }
  return {
    request,
    async get<T>(path: string): Promise<T> {
      const { status, body } = await request<T>('GET', path);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
      return body;
    },
    async post<T>(path: string, body: object): Promise<T> {
      const { status, body: result } = await request<T>('POST', path, JSON.stringify(body));
      if (status !== 200) throw new Error(`POST ${path}: ${status} ${JSON.stringify(result)}`);
      return result;
    },
    overview(): Promise<ClusterOverview> {
      return this.get<ClusterOverview>('overview');
    },
  };
}

/** URL of the admin listener of the first worker. */
export function workerUrl({ processes }: Pick<TestCluster, 'processes'>): string {
  return `http://127.0.0.1:${processes.find(({ name }) => name === 'worker-1')?.adminPort}`;
}
