import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { expect } from 'chai';
import { mountSmallDisk, type SmallDisk } from '../src/small-disk.ts';

describe('a small disk', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'small-disk-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('is full until it is freed, or cannot be mounted for a reason given in one sentence', () => {
    const mounted = mountOrReason(join(folder, 'disk'));
    if (typeof mounted === 'string') {
      expect(mounted).to.match(/needs root/);
      return;
    }
    using disk = mounted;
    const write = () => writeFileSync(join(folder, 'disk', 'file'), 'some bytes');
    write();
    disk.fill();
    expect(() => writeFileSync(join(folder, 'disk', 'other'), 'some bytes')).to.throw('ENOSPC');
    disk.free();
    write();
  });
});

function mountOrReason(folder: string): SmallDisk | string {
  try {
    return mountSmallDisk(folder, 2);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
