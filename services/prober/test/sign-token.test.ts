import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UserId } from '@chat-cluster/contracts';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { jwtVerify } from 'jose';
import { loadConfig } from '../src/config.ts';
import { createSigner } from '../src/sign-token.ts';

const PAIRS = {
  EdDSA: generateKeyPairSync('ed25519'),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2_048 }),
};
const ALICE = 'alice' as UserId;
const env = { PROBE_ENTRY: 'https://chat.example', JWT_ISSUER: 'us', JWT_AUDIENCE: 'chat', JWT_USER_CLAIM: 'user' };

describe('a token of the prober', () => {
  for (const [alg, { publicKey, privateKey }] of Object.entries(PAIRS)) {
    it(`is signed with its own key: ${alg}`, async () => {
      await using folder = temporaryFolder();
      const file = join(folder.path, 'prober.pem');
      writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      const token = await createSigner(loadConfig({ ...env, PROBE_KEY_FILE: file }))(ALICE);
      const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
      const { payload, protectedHeader } = await jwtVerify(token, key, { issuer: 'us', audience: 'chat' });
      expect(protectedHeader.alg).to.equal(alg);
      expect(payload).to.include({ user: 'alice', exp: (payload.iat ?? 0) + 3_600 });
    });
  }

  it('is signed with the secret of the gateways when it has no key', async () => {
    const token = await createSigner(loadConfig({ ...env, JWT_SECRET: 'secret' }))(ALICE);
    const { payload } = await jwtVerify(token, Buffer.from('secret'));
    expect(payload.user).to.equal('alice');
  });

  it('needs one of both, and a file that has a private key', () => {
    expect(() => loadConfig(env)).to.throw('JWT_SECRET: is required, unless PROBE_KEY_FILE is set');
    expect(() => loadConfig({ ...env, NODE_ENV: 'production', JWT_SECRET: 'a'.repeat(32) })).to.throw('different');
    const config = loadConfig({ ...env, PROBE_KEY_FILE: '/nowhere/key.pem' });
    expect(() => createSigner(config)).to.throw(/PROBE_KEY_FILE has no usable private key: .*ENOENT/);
  });
});
