import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserError } from '@chat-cluster/runtime';
import { debianRoot } from './debian-root.ts';

const run = promisify(execFile);

/** Certificates that this machine trusts beside the usual ones, as a build sees them. */
const CERTIFICATES = '/usr/local/share/certificates-of-the-builder.pem';

/**
 * Makes `root` what the image is: `debian:trixie-slim` a bare Debian of that suite, `node:24-trixie-slim` the same with
 * the Node and npm that run this (whatever version the tag says).
 */
export async function makeRoot(image: string, root: string, log: (line: string) => void): Promise<void> {
  const [, name, suite] = /^(debian|node):(?:[\d.]+-)?([a-z]+)-slim$/.exec(image) ?? [];
  if (name === undefined || suite === undefined) throw new UserError(`${image} is no image that can be made here`);
  await run('cp', ['-a', '--no-target-directory', await debianRoot(suite, log), root]);
  for (const file of ['/etc/resolv.conf', '/etc/hosts']) copyFileSync(file, join(root, file));
  if (name === 'node') installNode(root);
}

function installNode(root: string): void {
  const local = join(root, 'usr/local');
  copyFileSync(process.execPath, join(local, 'bin/node'));
  const modules = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim();
  cpSync(realpathSync(join(modules, 'npm')), join(local, 'lib/node_modules/npm'), { recursive: true });
  for (const [program, file] of [
    ['npm', 'npm-cli.js'],
    ['npx', 'npx-cli.js'],
  ]) {
    execFileSync('ln', ['-s', `../lib/node_modules/npm/bin/${file}`, join(local, 'bin', program ?? '')]);
  }
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  if (certificates && existsSync(certificates)) copyFileSync(certificates, join(root, CERTIFICATES));
}

/** What a step needs to reach the registry that this machine uses. */
export function registryAccess(): Record<string, string> {
  return {
    npm_config_registry: execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim(),
    ...(process.env.NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS: CERTIFICATES } : {}),
  };
}
