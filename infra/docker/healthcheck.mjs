/*
 * Whether this container's process is alive, for HEALTHCHECK: /healthz of its admin listener, on ADMIN_PORT or on the
 * default one of a gateway, a worker or a prober. Ends with 0 or 1. Plain JavaScript, so that nothing has to be compiled for it.
 */
const ports = process.env.ADMIN_PORT ? [process.env.ADMIN_PORT] : [9090, 9091, 9092];
const answers = ports.map(async (port) => {
  const { ok, status } = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_000) });
  if (!ok) throw new Error(`port ${port} answered ${status}`);
});
try {
  await Promise.any(answers);
} catch (error) {
  console.error(error.errors.map(String).join('\n'));
  process.exitCode = 1;
}
