import { ownToken } from '../src/own-token.ts';

/**
 * Gives each virtual user its own token. Artillery's Socket.IO engine cannot: it connects before the first step of the
 * flow and does not call `beforeScenario`, so `auth: { token: "{{ token }}" }` finds no token of this user
 * (artilleryio/artillery#3520, #3577). But socket.io-client accepts a function as `auth`. YAML cannot contain one; a
 * plug-in can put it into the configuration, in each worker thread, before the engine reads it.
 *
 * This file is JavaScript because Artillery looks for a plug-in with the file endings of require(), without .ts.
 */
export class Plugin {
  /** @param {{ config: { socketio?: Record<string, unknown> } }} script */
  constructor(script) {
    script.config.socketio = { ...script.config.socketio, auth: ownToken };
  }
}
