import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { parse } from 'yaml';

/** What SECURITY.md promises about installs. */
const EXPECTED = {
  minimumReleaseAge: 7 * 24 * 60,
  trustPolicy: 'no-downgrade',
  blockExoticSubdeps: true,
  strictDepBuilds: true,
};

describe('the supply chain', () => {
  for (const file of ['pnpm-workspace.yaml', 'load-tests/artillery/pnpm-workspace.yaml']) {
    it(`is restricted by ${file}`, () => {
      expect(parse(readFileSync(join(repository, file), 'utf8'))).to.deep.include(EXPECTED);
    });
  }
});
