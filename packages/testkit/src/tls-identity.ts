import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { selfSigned } from './self-signed.ts';

/** Paths of a certificate, which is also its own authority, and of its key. */
export interface TlsIdentity {
  certFile: string;
  keyFile: string;
}

/** Writes a certificate for these hosts and its key to `folder`. */
export async function writeIdentity(folder: string, hosts?: readonly string[]): Promise<TlsIdentity> {
  const { cert, key } = await selfSigned(hosts);
  await mkdir(folder, { recursive: true });
  const identity = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  await writeFile(identity.certFile, cert);
  await writeFile(identity.keyFile, key, { mode: 0o600 });
  return identity;
}

/** Lines for the configuration of a Redis or a Sentinel that accepts only TLS, from clients without a certificate. */
export function redisTlsLines(port: number, { certFile, keyFile }: TlsIdentity): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${certFile}`,
    `tls-key-file ${keyFile}`,
    `tls-ca-cert-file ${certFile}`,
    'tls-auth-clients no',
    'tls-replication yes',
  ];
}

/** Adds authorities to those that this process trusts, like NODE_EXTRA_CA_CERTS. The result removes them again. */
export function trustAuthorities(pem: string): () => void {
  const before = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...before, pem]);
  return () => tls.setDefaultCACertificates(before);
}
