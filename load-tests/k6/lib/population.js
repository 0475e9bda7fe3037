// @ts-check

/** @import { Plan } from './plans.js' */
/** @import { Settings } from './settings.js' */

/**
 * @typedef {{ users: readonly [string, string], senders: readonly number[] }} Wanted a direct conversation that the run
 *   needs; `senders`: which of the two write in it, by place. The first user opens it.
 * @typedef {{ runId: string, startedAt: number, conversationIds: string[] }} World what `setup` hands to every VU, so it is
 *   small: ids in the order of `wantedConversations`. `startedAt`: by the clock, in milliseconds.
 * @typedef {{
 *   runId: string,
 *   vu: number,
 *   vus: number,
 *   startedAt: number,
 *   connectMs: number,
 *   share: number,
 *   conversations: { id: string, users: readonly [string, string], senders: readonly number[] }[],
 * }} Part what one VU does of the run. `vu` counts from 0; `share`: of the rate.
 */

/** From the last connect to the first message. */
const SETTLE_MS = 1000;

/** How many VUs the run needs: each has as many whole groups (a pair, or a receiver with all its senders) as fit. */
export function vuCount(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return Math.ceil(groupCount(plan, settings) / groupsPerVu(plan, settings));
}

/** Sockets of the whole run. */
export function socketCount(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return groupCount(plan, settings) * socketsPerGroup(plan, settings);
}

/** From the start to the first message, in milliseconds: all sockets connect at `connectRate` before. */
export function connectMs(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return (socketCount(plan, settings) / settings.connectRate) * 1000 + SETTLE_MS;
}

/**
 * All conversations of the run, group after group. Users are new in every run, so that `seq` begins at 1.
 *
 * @param {Plan} plan
 * @param {Settings} settings
 * @param {string} runId
 * @returns {Wanted[]}
 */
export function wantedConversations(plan, settings, runId) {
  /** @type {Wanted[]} */
  const wanted = [];
  for (let group = 0; group < groupCount(plan, settings); group++) {
    if (plan.shape === 'pairs') wanted.push({ users: [`${runId}-${group}a`, `${runId}-${group}b`], senders: [0, 1] });
    else
      for (let sender = 0; sender < settings.senders; sender++)
        wanted.push({ users: [`${runId}-${group}s${sender}`, `${runId}-${group}r`], senders: [0] });
  }
  return wanted;
}

/**
 * @param {Plan} plan
 * @param {Settings} settings
 * @param {World} world
 * @param {number} vu from 0
 * @returns {Part}
 */
export function partOf(plan, settings, { runId, startedAt, conversationIds }, vu) {
  const perGroup = plan.shape === 'pairs' ? 1 : settings.senders;
  const perVu = perGroup * groupsPerVu(plan, settings);
  const wanted = wantedConversations(plan, settings, runId);
  const conversations = wanted.slice(vu * perVu, (vu + 1) * perVu).map(({ users, senders }, i) => {
    return { id: conversationIds[vu * perVu + i] || '', users, senders };
  });
  return {
    ...{ runId, vu, startedAt, conversations },
    vus: vuCount(plan, settings),
    connectMs: connectMs(plan, settings),
    share: conversations.length / wanted.length,
  };
}

function groupCount(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return plan.shape === 'pairs' ? settings.pairs : settings.receivers;
}

function socketsPerGroup(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return settings.devices * (plan.shape === 'pairs' ? 2 : settings.senders + 1);
}

/** A group is never split over VUs, even where it is larger than `socketsPerVu`. */
function groupsPerVu(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return Math.max(1, Math.floor(settings.socketsPerVu / socketsPerGroup(plan, settings)));
}
