import { browserTexts, tabTexts } from '../session/browser-storage.ts';

const KEY = 'chat-local';

/**
 * The users of the two panes, and the pane that is shown alone (undefined: both). Kept in this tab, and for new tabs in
 * this browser.
 */
export interface PaneSettings {
  users: [string, string];
  single: 0 | 1 | undefined;
}

const DEFAULTS: PaneSettings = { users: ['alice', 'bob'], single: undefined };

export function readPaneSettings(): PaneSettings {
  try {
    const { users, single } = JSON.parse(tabTexts.getItem(KEY) ?? browserTexts.getItem(KEY) ?? '{}');
    const isPair =
      Array.isArray(users) && users.length === 2 && users.every((user) => typeof user === 'string' && user);
    return {
      users: isPair ? [users[0], users[1]] : DEFAULTS.users,
      single: single === 0 || single === 1 ? single : undefined,
    };
  } catch {
    return DEFAULTS;
  }
}

export function writePaneSettings(settings: PaneSettings): void {
  for (const texts of [tabTexts, browserTexts]) texts.setItem(KEY, JSON.stringify(settings));
}
