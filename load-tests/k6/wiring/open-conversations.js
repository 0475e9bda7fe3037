// @ts-check

import http from 'k6/http';

/** @import { Wanted } from '../lib/population.js' */

/** So many requests are under way at a time. */
const AT_ONCE = 20;
/** An overloaded cluster, or one that limits: so many tries, so far apart. */
const TRIES = 5;
const RETRY_MS = 1000;

/**
 * Opens all conversations by REST, as their users. Resolves with their ids, in the same order; throws when the cluster
 * refuses.
 *
 * @param {string} url
 * @param {readonly Wanted[]} wanted
 * @param {(user: string) => Promise<string>} tokenOf
 */
export async function openConversations(url, wanted, tokenOf) {
  /** @type {string[]} */
  const ids = [];
  for (let from = 0; from < wanted.length; from += AT_ONCE) {
    const batch = wanted.slice(from, from + AT_ONCE);
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
  for (let tries = 1; ; tries++) {
    const body = JSON.stringify({ participantId });
    const response = await http.asyncRequest('POST', address, body, { headers, tags: { name: 'open-conversation' } });
    if (response.status === 200 || response.status === 201) return String(response.json('id'));
    const passes = response.status === 0 || response.status === 429 || response.status >= 500;
    if (!passes || tries === TRIES) throw new Error(`POST ${address}: ${reasonOf(response)}`);
    await new Promise((/** @type {(value: undefined) => void} */ resolve) => {
      setTimeout(() => resolve(undefined), RETRY_MS);
    });
  }
}

function reasonOf(/** @type {{ status: number, body: unknown, error: string }} */ { status, body, error }) {
  if (status === 0) return error;
  const hint = status === 401 ? '; is JWT_SECRET that of the cluster?' : '';
  return `${status} ${typeof body === 'string' ? body.slice(0, 300) : ''}${hint}`;
}
