/** The supervisor's message to its forks: the names of all of them, at each change. */
export interface ForkNames {
  type: 'chat:names';
  names: readonly string[];
}

/** The names of the gateways behind the port of this process: in a fork all forks, otherwise `own`. */
export function namesBehindPort(own: string): () => readonly string[] {
  let names: readonly string[] = [own];
  process.on('message', (message: ForkNames) => {
    if (message?.type === 'chat:names') names = message.names;
  });
  return () => names;
}
