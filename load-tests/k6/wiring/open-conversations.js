// @ts-check

import http from 'k6/http';

/** @import { ConversationSpec } from '../lib/population.js' */

/** Requests under way at a time. */
const AT_ONCE = 20;
/** Attempts per conversation when the cluster is overloaded or limits the rate, and the pause between them in ms. */
const ATTEMPTS = 5;
const RETRY_MS = 1000;

/**
 * Opens all conversations by REST, each as its first user. Resolves with their ids in the same order; throws when the
 * cluster refuses one.
 *
 * @param {string} url
 * @param {readonly ConversationSpec[]} specs
 * @param {(user: string) => Promise<string>} tokenOf
 */
export async function openConversations(url, specs, tokenOf) {
  /** @type {string[]} */
  const ids = [];
  for (let from = 0; from < specs.length; from += AT_ONCE) {
    const batch = specs.slice(from, from + AT_ONCE);
    ids.push(...(await Promise.all(batch.map(({ users }) => openConversation(url, users, tokenOf)))));
  }
  return ids;
}

/**
 * @param {string} url
 * @param {readonly [string, string]} users
 * @param {(user: string) => Promise<string>} tokenOf
 */
async function openConversation(url, [opener, participantId], tokenOf) {
  const headers = { authorization: `Bearer ${await tokenOf(opener)}`, 'content-type': 'application/json' };
  const address = `${url.replace(/\/+$/, '')}/api/conversations`;
  for (let attempt = 1; ; attempt++) {
    const body = JSON.stringify({ participantId });
    const response = await http.asyncRequest('POST', address, body, { headers, tags: { name: 'open-conversation' } });
    if (response.status === 200 || response.status === 201) return String(response.json('id'));
    const isTransient = response.status === 0 || response.status === 429 || response.status >= 500;
    if (!isTransient || attempt === ATTEMPTS) throw new Error(`POST ${address}: ${reasonOf(response)}`);
    await new Promise((/** @type {(value: undefined) => void} */ resolve) => {
      setTimeout(() => resolve(undefined), RETRY_MS);
    });
  }
}

function reasonOf(/** @type {{ status: number, body: unknown, error: string }} */ { status, body, error }) {
  if (status === 0) return error;
  const hint = status === 401 ? '; is JWT_SECRET the secret of the cluster?' : '';
  return `${status} ${typeof body === 'string' ? body.slice(0, 300) : ''}${hint}`;
}
