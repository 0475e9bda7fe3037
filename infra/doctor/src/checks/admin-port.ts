import { reasonOf } from '@chat-cluster/runtime';
import { type Finding, reporter } from '../finding.ts';
import { sendRequest } from '../http-request.ts';
import { type Deployment, isLocal } from '../options.ts';

/** Share of handshakes above which another number of addresses is no exception, such as a client that adds some. */
const MOST = 0.5;

/** Checks the admin port of a gateway: that it is protected, and that TRUSTED_HOPS fits the proxies of its clients. */
export async function checkAdminPort({ adminUrl }: Deployment): Promise<Finding[]> {
  const report = reporter('admin port');
  if (adminUrl === undefined) {
    const fix = 'pass --admin with the address of the admin port of a gateway, for example http://127.0.0.1:9090';
    return [report.skipped('its address is unknown', fix)];
  }
  try {
    const { text } = await sendRequest(`${adminUrl}/metrics`);
    // A GET changes nothing; with ADMIN_TOKEN it is refused earlier.
    const { status } = await sendRequest(`${adminUrl}/revocations`);
    return [protectionFinding(adminUrl, status), hopsFinding(text)];
  } catch (error) {
    return [report.failed(`${adminUrl} does not respond: ${reasonOf(error)}`, 'correct --admin, or start the gateway')];
  }
}

function protectionFinding(adminUrl: string, status: number): Finding {
  const report = reporter('admin port');
  if (status === 401) return report.ok('it needs a token');
  if (isLocal(adminUrl)) return report.ok('it needs no token, and was reached on this machine');
  const fix = 'set ADMIN_TOKEN (openssl rand -hex 32), and let only monitoring and operators reach the port';
  return report.failed('it needs no token: everyone who reaches it can drain the gateway', fix);
}

function hopsFinding(metrics: string): Finding {
  const report = reporter('trusted hops');
  const count = (addresses: string) =>
    Number(
      new RegExp(`^chat_handshakes_forwarded_total\\{[^}]*"${addresses}"[^}]*\\} (\\d+)`, 'm').exec(metrics)?.[1] ?? 0,
    );
  const [exact, fewer, more] = [count('exact'), count('fewer'), count('more')];
  const total = exact + fewer + more;
  if (more > MOST * total) {
    const found = `${more} of ${total} handshakes came through more proxies than TRUSTED_HOPS: clients share the address of a proxy`;
    return report.failed(found, 'raise TRUSTED_HOPS to the number of proxies that add to X-Forwarded-For');
  }
  if (fewer > MOST * total) {
    const found = `${fewer} of ${total} handshakes came through fewer proxies than TRUSTED_HOPS: clients can choose their address`;
    return report.failed(found, 'lower TRUSTED_HOPS to the number of proxies that add to X-Forwarded-For');
  }
  return report.ok(`${exact} of ${total} handshakes came through exactly the trusted proxies`);
}
