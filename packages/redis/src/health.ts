/** For a readiness answer: `ok`, or which parts of Redis do not answer. */
export function redisHealth(parts: Record<'pubsub' | 'queue' | 'cache', boolean>): string {
  const away = Object.entries(parts).filter(([, answers]) => !answers);
  return away.length === 0 ? 'ok' : `away: ${away.map(([name]) => name).join(', ')}`;
}
