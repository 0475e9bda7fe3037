// Artillery looks for `own-token` with the endings that require() knows; .ts is none of them.
export { Plugin } from '../src/token-plugin.ts';
