/**
 * A certificate for these IP addresses, valid for a day, and its key, in PEM format: for tests of TLS. It is signed by
 * itself, so that a client can trust it as an authority.
 */
export async function selfSigned(hosts: readonly string[] = ['127.0.0.1']): Promise<{ cert: string; key: string }> {
  // Loaded on demand: few tests use it.
  const { generate } = await import('selfsigned');
  const { cert, private: key } = await generate([{ name: 'commonName', value: hosts[0] ?? '' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - HOUR_MS),
    notAfterDate: new Date(Date.now() + 24 * HOUR_MS),
    extensions: [{ name: 'subjectAltName', altNames: hosts.map((ip) => ({ type: 7 as const, ip })) }],
  });
  return { cert, key };
}

const HOUR_MS = 3_600_000;
