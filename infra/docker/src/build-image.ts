/*
 * Carries out the steps of a Dockerfile on bare Debian roots, for machines without a container engine. As much of it as ours
 * is made of; an instruction it does not know ends it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { runContainer } from './container.ts';
import { copyOf, execForm, type Instruction, isIgnored, readDockerfile, type Stage } from './dockerfile.ts';

export interface Image {
  root: string;
  user: number;
  workdir: string;
  env: Record<string, string>;
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
}

export interface BuildOptions {
  dockerfile: string;
  /** Text of the .dockerignore. */
  ignore: string;
  /** Absolute path. */
  context: string;
  /** Where roots are made; emptied first. */
  work: string;
  /** Makes the root folder of the image with this name; it is the stage's from then on. */
  from(image: string, root: string): Promise<void>;
  /** Of this machine, for steps that ask a registry. */
  env: Record<string, string>;
  log(line: string): void;
}

/** Resolves with the image of the last stage. */
export async function buildImage(options: BuildOptions): Promise<Image> {
  rmSync(options.work, { recursive: true, force: true });
  const stages = new Map<string, Image>();
  let image: Image | undefined;
  for (const [i, stage] of readDockerfile(options.dockerfile).entries()) {
    image = await buildStage(stage, join(options.work, stage.name ?? `stage-${i}`), stages, options);
    stages.set(stage.name ?? String(i), image);
  }
  if (!image) throw new Error('the Dockerfile has no stage');
  return image;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function buildStage(
  stage: Stage,
  root: string,
  stages: ReadonlyMap<string, Image>,
  options: BuildOptions,
): Promise<Image> {
  options.log(`FROM ${stage.from}`);
  mkdirSync(root, { recursive: true });
  await options.from(stage.from, root);
  const env = { PATH };
  const image: Image = { root, user: 0, workdir: '/', env, entrypoint: [], command: [], healthcheck: [] };
  for (const instruction of stage.instructions) {
    options.log(`${instruction.name} ${instruction.text}`);
    await carryOut(instruction, image, stages, options);
  }
  return image;
}

async function carryOut(
  instruction: Instruction,
  image: Image,
  stages: ReadonlyMap<string, Image>,
  options: BuildOptions,
): Promise<void> {
  const { name, text } = instruction;
  switch (name) {
    case 'WORKDIR':
      image.workdir = text;
      mkdirSync(join(image.root, text), { recursive: true });
      return;
    case 'ENV':
      for (const [, key = '', value = ''] of text.matchAll(/(\w+)=(\S+)/g)) image.env[key] = value;
      return;
    case 'USER':
      image.user = Number(text.split(':')[0]);
      return;
    case 'COPY':
      return copy(instruction, image, stages, options);
    case 'RUN': {
      const { root, user, workdir } = image;
      const env = { HOME: user === 0 ? '/root' : '/', ...options.env, ...image.env };
      await runContainer({ root, user, workdir, env, readOnly: false, command: ['/bin/sh', '-c', text] });
      return;
    }
    case 'ENTRYPOINT':
      image.entrypoint = execForm(text);
      return;
    case 'CMD':
      image.command = execForm(text);
      return;
    case 'HEALTHCHECK':
      image.healthcheck = execForm(text.replace(/^CMD\s+/, ''));
      return;
    case 'EXPOSE':
      return;
    default:
      throw new Error(`${name} is no instruction that this can carry out`);
  }
}

function copy(
  { flags, ...instruction }: Instruction,
  image: Image,
  stages: ReadonlyMap<string, Image>,
  { context, ignore }: BuildOptions,
): void {
  const { sources, target } = copyOf({ flags, ...instruction });
  const stage = flags.from === undefined ? undefined : stages.get(flags.from);
  if (flags.from !== undefined && !stage) throw new Error(`there is no stage ${flags.from}`);
  const from = stage?.root ?? context;
  const to = join(image.root, isAbsolute(target) ? target : resolve(image.workdir, target));
  for (const source of sources) {
    const path = join(from, source);
    // As in Docker, a folder is copied as what is in it; `dir/` names the folder that a file goes to.
    const into = target.endsWith('/') && !isFolder(path) ? join(to, source.split('/').at(-1) ?? '') : to;
    if (stage) {
      mkdirSync(join(into, '..'), { recursive: true });
      execFileSync('cp', ['-a', '--no-target-directory', path, into]);
    } else {
      cpSync(path, into, {
        recursive: true,
        preserveTimestamps: true,
        filter: (file) => {
          const name = relative(context, file);
          return !isIgnored(name, ignore);
        },
      });
    }
  }
}

function isFolder(path: string): boolean {
  return execFileSync('stat', ['-L', '-c', '%F', path], { encoding: 'utf8' }).trim() === 'directory';
}
