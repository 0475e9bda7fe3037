import { stripTypeScriptTypes } from 'node:module';
import { memoryStore } from '../src/testing/index.ts';
import type { ChatStore } from '../src/types.ts';
import { readmeBlocks } from './readme-blocks.ts';
import { storeContract } from './store-contract.ts';

const memory = memoryStore();
storeContract('memoryStore', () => memory);

const strings = new Map<string, string>();
const stringStore = exampleStore();
storeContract('the store in README.md', () =>
  stringStore({
    getItem: async (key: string) => strings.get(key) ?? null,
    setItem: async (key: string, value: string) => void strings.set(key, value),
    removeItem: async (key: string) => void strings.delete(key),
  }),
);

function exampleStore(): (strings: object) => ChatStore {
  const code = readmeBlocks('ts').find((block) => block.includes('stringStore')) ?? '';
  const body = stripTypeScriptTypes(code)
    .replaceAll(/^import .*$/gm, '')
    .replaceAll(/^export /gm, '');
  return new Function(`${body}; return stringStore;`)() as (strings: object) => ChatStore;
}
