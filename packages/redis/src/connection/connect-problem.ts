/**
 * The reason of a failed connection for logs. It ends with the fix if the server refuses the user or the password, or
 * if the TLS of the server and of the URL do not fit together (`isTls`). `connectedBefore`: the server was reached
 * before, so a reset is an outage.
 */
export function connectProblem(error: unknown, { tls, connectedBefore = false }: Link) {
  const { code = '', message = String(error) } = Object(error) as Partial<Error & { code: string }>;
  const fix = (tls ? TLS_FIXES : PLAIN_FIXES).find(
    ({ cause, onlyAtFirst }) => cause.test(`${code} ${message}`) && !(onlyAtFirst && connectedBefore),
  );
  // Without the advice of Node and the numbers of OpenSSL.
  const reason = message.replace(/; if the root CA .*/, '').replace(/^\w+:error:(?:[^:]*:){3}([^:]*):.*/s, '$1');
  const text = fix?.text ?? (REFUSED.test(message) ? CORRECT_USER : undefined);
  return {
    reason: text && !message.endsWith(text) ? `${reason || code}: ${text}` : reason || code,
    isTls: fix !== undefined,
  };
}

const REFUSED = /^(Error: )?(WRONGPASS|NOAUTH|NOPERM|ERR AUTH) /;
const CORRECT_USER = 'correct the user and the password of the URL, or the rights of the user (infra/redis.acl)';

interface Link {
  tls: boolean;
  connectedBefore?: boolean;
}

interface Fix {
  cause: RegExp;
  onlyAtFirst?: boolean;
  text: string;
}

const TLS_FIXES: Fix[] = [
  {
    cause: /^(\w*SELF_SIGNED\w*|UNABLE_TO_\w+|CERT_UNTRUSTED|INVALID_CA) /,
    text: 'the authority of the certificate is unknown; set NODE_EXTRA_CA_CERTS to a PEM file that contains it',
  },
  { cause: /^ERR_TLS_CERT_ALTNAME_INVALID /, text: 'the certificate is for another host' },
  { cause: /^CERT_(HAS_EXPIRED|NOT_YET_VALID) /, text: 'the certificate is not valid at this time' },
  {
    cause: /CERTIFICATE_REQUIRED/,
    text: 'the server requires a certificate from its clients; set tls-auth-clients to no there',
  },
  {
    // Redis waits for more after the first bytes of TLS on a plain port.
    cause: /^(ERR_SSL_\w+|EPROTO|ECONNRESET) |timeout|closed unexpectedly|disconnected before/i,
    onlyAtFirst: true,
    text: 'the port may not use TLS; if so, use redis instead of rediss',
  },
];

const PLAIN_FIXES: Fix[] = [
  {
    cause: /^ECONNRESET |closed unexpectedly/i,
    onlyAtFirst: true,
    text: 'the port may require TLS; if so, use rediss instead of redis',
  },
];
