import { contractSuite } from './contract-suite.ts';
import { startLocalStage } from './real-stage.ts';

contractSuite('a real cluster', startLocalStage);
