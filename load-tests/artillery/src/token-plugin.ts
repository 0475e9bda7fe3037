import { ownToken } from './own-token.ts';

/**
 * Gives each virtual user a token of its own. Artillery's Socket.IO engine cannot: it connects before the first step of
 * the flow and calls no `beforeScenario`, so `auth: { token: "{{ token }}" }` finds no token of this user
 * (artilleryio/artillery#3520, #3577). But socket.io-client takes a function as `auth`; YAML holds none, a plug-in may
 * put one into the configuration, in each worker thread, before the engine reads it.
 */
export class Plugin {
  constructor(script: { config: { socketio?: Record<string, unknown> } }) {
    script.config.socketio = { ...script.config.socketio, auth: ownToken };
  }
}
