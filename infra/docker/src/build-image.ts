import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { runContainer } from './container.ts';
import { copiedPaths, execForm, type Instruction, isIgnored, readDockerfile, type Stage } from './dockerfile.ts';

/** A built image: its root folder, and the defaults of its processes. */
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
  /** Text of the Dockerfile. */
  dockerfile: string;
  /** Text of the .dockerignore. */
  ignore: string;
  /** Folder of the build context, absolute. */
  context: string;
  /** Folder for the root folders of the stages; emptied first. */
  work: string;
  /** Puts the base image with this name into the folder `root`. */
  makeBase(image: string, root: string): Promise<void>;
  /** Environment of RUN steps, beside that of the image. */
  env: Record<string, string>;
  log(line: string): void;
}

/**
 * Builds an image without a container engine: carries out the instructions of a Dockerfile in root folders. Returns the
 * image of the last stage. It supports the instructions of the Dockerfile in this repository and throws on any other.
 */
export async function buildImage(options: BuildOptions): Promise<Image> {
  rmSync(options.work, { recursive: true, force: true });
  const stages = new Map<string, Image>();
  let image: Image | undefined;
  for (const stage of neededStages(readDockerfile(options.dockerfile))) {
    const name = stage.name ?? 'final';
    image = await buildStage(stage, join(options.work, name), stages, options);
    stages.set(name, image);
  }
  if (!image) throw new Error('the Dockerfile has no stage');
  return image;
}

/** The last stage and those from which it copies, directly or through others, in the order of the Dockerfile. */
function neededStages(all: readonly Stage[]): Stage[] {
  const needed = new Set<string | undefined>([all.at(-1)?.name]);
  for (const { name, instructions } of all.toReversed()) {
    if (needed.has(name)) for (const { flags } of instructions) needed.add(flags.from);
  }
  return all.filter(({ name }) => needed.has(name));
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
  await options.makeBase(stage.from, root);
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
      throw new Error(`the instruction ${name} is not supported`);
  }
}

function copy(
  instruction: Instruction,
  image: Image,
  stages: ReadonlyMap<string, Image>,
  { context, ignore }: BuildOptions,
): void {
  const { sources, target } = copiedPaths(instruction);
  const { from } = instruction.flags;
  const stage = from === undefined ? undefined : stages.get(from);
  if (from !== undefined && !stage) throw new Error(`there is no stage ${from}`);
  const to = join(image.root, isAbsolute(target) ? target : resolve(image.workdir, target));
  for (const source of sources) {
    const path = join(stage?.root ?? context, source);
    // As in Docker: of a folder, only the contents are copied; a target `dir/` is the folder of a copied file.
    const isFile = !statSync(path).isDirectory();
    const into = target.endsWith('/') && isFile ? join(to, source.split('/').at(-1) ?? '') : to;
    if (stage) {
      mkdirSync(join(into, '..'), { recursive: true });
      execFileSync('cp', ['-a', '--no-target-directory', path, into]);
    } else {
      const filter = (file: string) => !isIgnored(relative(context, file), ignore);
      cpSync(path, into, { recursive: true, preserveTimestamps: true, filter });
    }
  }
}
