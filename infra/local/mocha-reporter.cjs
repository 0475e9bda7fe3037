/*
 * Mocha's spec reporter with one more line at the end, for readers and scripts: "<n> passed, <n> failed". Under `npm test`
 * it writes counts, failures and the duration of each file to the file CHAT_TEST_RESULT instead: infra/local/src/test.ts
 * adds up the suites and the gates, also those that never ran a test.
 */
const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');
const { reporters, Runner } = require('mocha');

module.exports = class ResultReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const resultFile = process.env.CHAT_TEST_RESULT;
    const seconds = timeFiles(runner);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      const reasons = this.failures.map((test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}`);
      if (resultFile) writeFileSync(resultFile, JSON.stringify({ passed: passes, failed: failures, reasons, seconds }));
    });
    if (!resultFile)
      process.once('exit', () => console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`));
  }
};

/** Seconds by test file, hooks included. It fills while the tests run. */
function timeFiles(runner) {
  const { EVENT_SUITE_BEGIN, EVENT_SUITE_END } = Runner.constants;
  const seconds = {};
  let began = 0;
  runner.on(EVENT_SUITE_BEGIN, ({ parent }) => {
    if (parent?.root) began = performance.now();
  });
  runner.on(EVENT_SUITE_END, ({ parent, file }) => {
    if (!parent?.root) return;
    const name = relative(process.cwd(), file);
    seconds[name] = (seconds[name] ?? 0) + (performance.now() - began) / 1_000;
  });
  return seconds;
}
