/**
 * A certificate for 127.0.0.1, valid for a day, and its key, in PEM format: for tests of TLS. It is signed by itself,
 * so that a client can trust it as an authority.
 */
export async function selfSigned(): Promise<{ cert: string; key: string }> {
  // Loaded on demand: few tests use it.
  const { generate } = await import('selfsigned');
  const { cert, private: key } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - HOUR_MS),
    notAfterDate: new Date(Date.now() + 24 * HOUR_MS),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  return { cert, key };
}

const HOUR_MS = 3_600_000;
