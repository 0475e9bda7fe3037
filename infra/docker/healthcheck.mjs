/*
 * HEALTHCHECK of the image: exit code 0 when /healthz of the admin listener returns 200, else 1. Requests ADMIN_PORT if
 * it is set, otherwise the default ports of a gateway, a worker and a prober. JavaScript needs no compilation.
 */
const ports = process.env.ADMIN_PORT ? [process.env.ADMIN_PORT] : [9090, 9091, 9092];
const requests = ports.map(async (port) => {
  const { ok, status } = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_000) });
  if (!ok) throw new Error(`port ${port} returned ${status}`);
});
try {
  await Promise.any(requests);
} catch (error) {
  console.error(error.errors.map(String).join('\n'));
  process.exitCode = 1;
}
