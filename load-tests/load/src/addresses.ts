/** Connections from one address to one server: the kernel has 28,000 ports for them, of which others want some. */
const PER_ADDRESS = 20_000;

/**
 * The source address of each of `connections`, by its index: 127.0.0.1, 127.0.0.2 … when the target is on this machine
 * and one address has not ports enough; else whatever the system takes.
 */
export function sourceAddress(url: string, connections: number): (index: number) => string | undefined {
  const loopback = /^127(\.\d+){3}$/.test(new URL(url).hostname);
  if (!loopback || connections <= PER_ADDRESS) return () => undefined;
  return (index) => `127.0.0.${1 + Math.floor(index / PER_ADDRESS)}`;
}
