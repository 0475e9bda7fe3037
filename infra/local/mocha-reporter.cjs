/*
 * Mocha's spec reporter with one more line at the end, for readers and scripts: "<n> passed, <n> failed". Under `npm test`
 * it writes counts and failures to the file CHAT_TEST_RESULT instead: infra/local/src/test.ts adds up the suites and the
 * gates, also those that never ran a test.
 */
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

module.exports = class ResultReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const resultFile = process.env.CHAT_TEST_RESULT;
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      const reasons = this.failures.map((test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}`);
      if (resultFile) writeFileSync(resultFile, JSON.stringify({ passed: passes, failed: failures, reasons }));
    });
    if (!resultFile)
      process.once('exit', () => console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`));
  }
};
