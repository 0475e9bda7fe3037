import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { parseAllDocuments } from 'yaml';
import { kustomize } from './kubectl.ts';

export const k8s = join(repository, 'k8s');

/** The fields of every Kubernetes object. Others depend on its kind, see {@link ofKind}. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  data?: Record<string, string>;
}

/** A replacement of a text in a file of k8s/. */
export interface Edit {
  file: string;
  from: string;
  to: string;
}

/** Builds a folder of k8s/ into its manifests. With edits, builds a copy to which they are applied. */
export async function build(folder: string, edits: readonly Edit[] = []): Promise<Manifest[]> {
  if (edits.length === 0) return parsed(await kustomize(join(k8s, folder)));
  const copy = mkdtempSync(join(tmpdir(), 'chat-k8s-'));
  try {
    cpSync(k8s, copy, { recursive: true });
    for (const { file, from, to } of edits) {
      const text = readFileSync(join(copy, file), 'utf8');
      if (!text.includes(from)) throw new Error(`${file} has no "${from}" to replace`);
      writeFileSync(join(copy, file), text.replaceAll(from, to));
    }
    return parsed(await kustomize(join(copy, folder)));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The objects of a kind. `T` is its type; schemas.ts checks that they match it. */
export function ofKind<T>(manifests: readonly Manifest[], kind: string): (Manifest & T)[] {
  return manifests.filter((manifest) => manifest.kind === kind) as (Manifest & T)[];
}

export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.name}`;
}

function parsed(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS() as Manifest;
  });
}
