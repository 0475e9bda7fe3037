/*
 * Mocha's spec reporter, with one last line for people and scripts alike: "<n> passed, <n> failed". Under `npm test` the
 * counts and what failed go to the file named by CHAT_TEST_TALLY instead, and bootstrap.mjs prints the line: it also counts
 * the gates that ran before, and prints it even if mocha never got as far as a test.
 */
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

module.exports = class TallyReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const tallyFile = process.env.CHAT_TEST_TALLY;
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      const reasons = this.failures.map((test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}`);
      if (tallyFile) writeFileSync(tallyFile, JSON.stringify({ passed: passes, failed: failures, reasons }));
    });
    if (!tallyFile)
      process.once('exit', () => console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`));
  }
};
