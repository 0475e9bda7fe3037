import { execFile, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { toolsFolder, unpackDebianPackage } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';

const run = promisify(execFile);

/** Path, in a build, of the certificates in this machine's NODE_EXTRA_CA_CERTS. */
const CERTIFICATES = '/usr/local/share/certificates-of-the-builder.pem';

/**
 * Puts a stand-in for a base image into the folder `root`. For `debian:trixie-slim` that is a bare Debian of this
 * suite; for `node:24-trixie-slim` the same, with the Node and npm that run this program, whatever their version.
 */
export async function makeBaseImage(image: string, root: string, log: (line: string) => void): Promise<void> {
  const [, name, suite] = /^(debian|node):(?:[\d.]+-)?([a-z]+)-slim$/.exec(image) ?? [];
  if (name === undefined || suite === undefined) throw new UserError(`There is no stand-in for the image ${image}.`);
  await run('cp', ['-a', '--no-target-directory', await bareDebian(suite, log), root]);
  for (const file of ['/etc/resolv.conf', '/etc/hosts']) copyFileSync(file, join(root, file));
  if (name === 'node') installNode(root);
}

/** Returns the folder of a bare Debian. The first call makes it with debootstrap; it is kept with the other tools. */
async function bareDebian(suite: string, log: (line: string) => void): Promise<string> {
  const root = join(toolsFolder, `debian-${suite}`);
  if (existsSync(root)) return root;
  log(`Making a bare Debian ${suite} with debootstrap (once)`);
  mkdirSync(dirname(root), { recursive: true });
  const work = mkdtempSync(`${root}.part-`);
  try {
    const tool = join(work, 'tool');
    await unpackDebianPackage(['debootstrap'], tool);
    await run(join(tool, 'usr/sbin/debootstrap'), ['--variant=minbase', suite, join(work, 'root')], {
      env: { ...process.env, DEBOOTSTRAP_DIR: join(tool, 'usr/share/debootstrap') },
      maxBuffer: 16 * 1024 * 1024,
    });
    renameSync(join(work, 'root'), root);
  } catch (error) {
    throw new UserError(`debootstrap failed: ${String((error as { stdout?: string }).stdout ?? error).slice(-1_000)}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return root;
}

function installNode(root: string): void {
  const local = join(root, 'usr/local');
  copyFileSync(process.execPath, join(local, 'bin/node'));
  const npmCli = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim());
  cpSync(dirname(dirname(npmCli)), join(local, 'lib/node_modules/npm'), { recursive: true });
  for (const program of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${program}-cli.js`, join(local, 'bin', program));
  }
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  if (certificates && existsSync(certificates)) copyFileSync(certificates, join(root, CERTIFICATES));
}

/** Environment variables with which a build step reaches the package registry that this machine uses. */
export function registryAccess(): Record<string, string> {
  return {
    npm_config_registry: execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim(),
    ...(process.env.NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS: CERTIFICATES } : {}),
  };
}
