import { contractSuite } from './contract-suite.ts';
import { startFakeStage } from './fake-stage.ts';

contractSuite('the fake cluster', startFakeStage, { drains: true });
