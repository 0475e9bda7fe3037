import { contractSuite } from './contract-suite.ts';
import { startSlowStage } from './real-stage.ts';

contractSuite('a real cluster behind a slow network', startSlowStage, { drains: true });
