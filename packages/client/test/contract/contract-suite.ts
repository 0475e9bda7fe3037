import { openSocket } from '../../src/connection/socket-io.ts';
import { changeScenarios } from './scenarios/changes.ts';
import { groupScenarios } from './scenarios/groups.ts';
import { messageScenarios } from './scenarios/messages.ts';
import { outboxScenarios } from './scenarios/outbox.ts';
import { readScenarios } from './scenarios/reads.ts';
import { sessionScenarios } from './scenarios/sessions.ts';
import { settingScenarios } from './scenarios/settings.ts';
import { syncScenarios } from './scenarios/sync.ts';
import type { Stage } from './stage.ts';
import { World } from './world.ts';

/**
 * Registers with mocha the behaviours of the client library, which hold on any cluster: the fake one, a real one, and
 * one behind a bad network. `drains`: the stage has gateways that can be shut down one by one.
 */
export function contractSuite(name: string, startStage: () => Promise<Stage>, { drains = false } = {}): void {
  describe(`the client on ${name}`, () => {
    let stage: Stage | undefined;
    const world = new World(() => {
      if (!stage) throw new Error('The stage is not started.');
      return stage;
    }, openSocket);

    before(async () => {
      stage = await startStage();
    });
    afterEach(() => world.end());
    after(() => stage?.stop());

    messageScenarios(world);
    outboxScenarios(world);
    syncScenarios(world);
    readScenarios(world);
    groupScenarios(world);
    changeScenarios(world);
    settingScenarios(world);
    sessionScenarios(world, { drains });
  });
}
