/* `npm run check`: the gates, without the tests. */
import { runGates } from './gates.ts';

const { failed } = await runGates();
process.exit(failed > 0 ? 1 : 0);
