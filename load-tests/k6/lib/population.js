// @ts-check

/** @import { Plan } from './plans.js' */
/** @import { Settings } from './settings.js' */

/**
 * @typedef {{ users: readonly [string, string], senders: readonly number[] }} ConversationSpec a direct conversation of
 *   the run; `senders`: indexes of the users who send. The first user opens it.
 * @typedef {{ runId: string, startedAt: number, conversationIds: string[] }} SetupData the result of `setup`. k6
 *   copies it to every VU, so it is small: ids in the order of `conversationSpecs`. `startedAt`: Unix time in ms.
 * @typedef {{
 *   runId: string,
 *   vu: number,
 *   vus: number,
 *   startedAt: number,
 *   connectMs: number,
 *   share: number,
 *   conversations: { id: string, users: readonly [string, string], senders: readonly number[] }[],
 * }} Part the part of a VU in the run. `vu` counts from 0. `connectMs`: time from the start to the first message.
 *   `share`: its share of the rate.
 */

/** Time from the last connect to the first message, in ms. */
const SETTLE_MS = 1000;

/** Number of VUs: each has as many whole groups (a pair, or a receiver with all its senders) as fit. */
export function vuCount(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return Math.ceil(groupCount(plan, settings) / groupsPerVu(plan, settings));
}

/** Number of sockets of the whole run. */
export function socketCount(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return groupCount(plan, settings) * socketsPerGroup(plan, settings);
}

/** Time from the start to the first message, in ms: all sockets connect in it, at `connectRate`. */
export function connectMs(/** @type {Plan} */ plan, /** @type {Settings} */ settings) {
  return (socketCount(plan, settings) / settings.connectRate) * 1000 + SETTLE_MS;
}

/**
 * All conversations of the run, group by group. Users are new in every run, so that `seq` begins at 1.
 *
 * @param {Plan} plan
 * @param {Settings} settings
 * @param {string} runId
 * @returns {ConversationSpec[]}
 */
export function conversationSpecs(plan, settings, runId) {
  /** @type {ConversationSpec[]} */
  const specs = [];
  for (let group = 0; group < groupCount(plan, settings); group++) {
    if (plan.shape === 'pairs') specs.push({ users: [`${runId}-${group}a`, `${runId}-${group}b`], senders: [0, 1] });
    else
      for (let sender = 0; sender < settings.senders; sender++)
        specs.push({ users: [`${runId}-${group}s${sender}`, `${runId}-${group}r`], senders: [0] });
  }
  return specs;
}

/**
 * @param {Plan} plan
 * @param {Settings} settings
 * @param {SetupData} setupData
 * @param {number} vu from 0
 * @returns {Part}
 */
export function partOf(plan, settings, { runId, startedAt, conversationIds }, vu) {
  const perGroup = plan.shape === 'pairs' ? 1 : settings.senders;
  const perVu = perGroup * groupsPerVu(plan, settings);
  const specs = conversationSpecs(plan, settings, runId);
  const conversations = specs.slice(vu * perVu, (vu + 1) * perVu).map(({ users, senders }, i) => {
    return { id: conversationIds[vu * perVu + i] || '', users, senders };
  });
  return {
    ...{ runId, vu, startedAt, conversations },
    vus: vuCount(plan, settings),
    connectMs: connectMs(plan, settings),
    share: conversations.length / specs.length,
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
