import type { ChatClient } from '@chat-cluster/client';
import { useEffect } from 'react';

/** Shows the number of unread messages in the title of the page, summed over the clients. */
export function useDocumentBadge(clients: readonly ChatClient[]): void {
  useEffect(() => {
    const show = () => {
      const count = clients.reduce((sum, { badge = 0 }) => sum + badge, 0);
      document.title = count > 0 ? `(${count}) Chat` : 'Chat';
    };
    show();
    const offs = clients.map((client) => client.on('badge', show));
    return () => {
      for (const off of offs) off();
    };
  }, [clients]);
}
