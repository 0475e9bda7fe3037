import { isIP } from 'node:net';
import { z } from 'zod';

/**
 * A variable whose value is the result of `parse`, which throws `wrong(…)` for a value that cannot be used. White space
 * and quotation marks around a value are refused: env files of containers and secrets with a final line break keep
 * them, and they would be part of a name, a key or a password.
 *
 * No message repeats the value: a password may be in the wrong variable.
 */
export function setting<T>(parse: (value: string) => T, example?: string) {
  return z
    .string(example === undefined ? 'is required' : `is required, such as ${example}`)
    .transform((value, context) => {
      try {
        if (value !== value.trim()) throw wrong('begins or ends with a space or a line break: remove it');
        if (/^(["'`]).*\1$/s.test(value))
          throw wrong('has quotation marks around it, which are part of the value: remove them');
        return parse(value);
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    });
}

class Wrong extends Error {}

/** The error of a value that cannot be used. `problem` continues a sentence that begins with the variable. */
export function wrong(problem: string): Error {
  return new Wrong(problem);
}

/** A variable that may have any value. */
export function text() {
  return setting((value) => value);
}

/** A variable that is the name of a cluster. */
export function clusterName() {
  return setting((value) => {
    if (/^[a-z0-9-]{1,32}$/.test(value)) return value;
    throw wrong('must be 1 to 32 characters from a-z, 0-9 and -, such as staging');
  });
}

/** A variable that is a whole number from `min` to `max`. */
export function integer(min: number, max: number, fallback: number) {
  return wholeNumber(min, max, fallback, 'a whole number');
}

/** A variable that is a time in milliseconds. */
export function milliseconds(min: number, max: number, fallback: number) {
  return wholeNumber(min, max, fallback, 'a whole number of milliseconds');
}

/** A variable that is a number of bytes. */
export function bytes(min: number, max: number, fallback: number) {
  return wholeNumber(min, max, fallback, 'a whole number of bytes');
}

function wholeNumber(min: number, max: number, fallback: number, what: string) {
  return setting((value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw wrong(`must be ${what} from ${min} to ${max} in digits only, such as ${fallback}`);
  }).default(fallback);
}

/** A variable that is a number from 0 to 1. */
export function share() {
  return setting((value) => {
    const number = /^(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
    if (number <= 1) return number;
    throw wrong('must be a number from 0 to 1, such as 0.01');
  });
}

/** A variable that is `true` or `false`. */
export function flag() {
  return oneOf(['true', 'false']).transform((value) => value === 'true');
}

/** A variable that is one of a few words. */
export function oneOf<const T extends string>(words: readonly T[]) {
  const list = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return setting((value) => {
    const known = words.find((word) => word === value);
    if (known !== undefined) return known;
    const inCase = words.find((word) => word.toLowerCase() === value.toLowerCase());
    throw wrong(inCase === undefined ? `must be ${list}` : `must be written ${inCase}`);
  });
}

/** A variable that is an address to listen on. */
export function listenAddress() {
  return setting((value) => {
    if (isIP(value) > 0 || HOST_NAME.test(value)) return value;
    throw wrong('must be an IP address or a host name without scheme, port and path, such as 127.0.0.1 or 0.0.0.0');
  });
}

const HOST_NAME = /^(?![\d.]+$)[a-z\d_]([a-z\d_-]*[a-z\d_])?(\.[a-z\d_]([a-z\d_-]*[a-z\d_])?)*$/i;

/** A variable that is the name of a process. Gateways send it in a header, and Postgres and Redis show it. */
export function processName() {
  return setting((value) => {
    if (/^[\x21-\x7e]{1,128}$/.test(value)) return value;
    throw wrong('must have 1 to 128 characters of ASCII without spaces, such as gateway-1');
  });
}

/** A variable that is an http:// or https:// URL without user and password, which HTTP clients refuse. */
export function httpUrl(example: string) {
  return setting((value) => {
    const url = /^https?:\/\/./i.test(value) ? URL.parse(value) : null;
    if (!url) throw wrong(`must be an http:// or https:// URL, such as ${example}`);
    if (url.username || url.password || value.includes('@')) {
      throw wrong(`must not contain a user or a password: write it as ${example}`);
    }
    return value;
  }, example);
}

/** A variable that is the origin of a web server, such as the entry of a cluster. */
export function httpOrigin(example: string) {
  return setting((value) => webOrigin(value, example), example);
}

/** A variable that is one origin, or several, separated by commas. */
export function httpOrigins(most: number, example: string) {
  return setting((value) => {
    const urls = value.split(',').map((one) => one.trim());
    if (urls.length > most) throw wrong(`may have at most ${most} URLs, separated by a comma`);
    return urls.map((one) => webOrigin(one, example));
  }, example);
}

function webOrigin(value: string, example: string): string {
  const origin = /^https?:/i.test(value) ? originOf(value) : undefined;
  if (origin !== undefined) return origin;
  throw wrong(`must be an http:// or https:// URL without path, query and user, such as ${example}`);
}

/**
 * A variable that is `*`, or a list of the origins of pages, separated by commas: parsed to the form in which browsers
 * send them. Pages in an app may have a scheme of their own (`capacitor://localhost`).
 */
export function pageOrigins() {
  return setting((value) => {
    if (value === '*') return '*' as const;
    const origins = value.split(',').flatMap((one) => one.trim() || []);
    return [...new Set(origins.map((one) => pageOrigin(one)))];
  });
}

const PAGE_EXAMPLE = 'such as https://app.example.com,https://admin.example.com';

function pageOrigin(value: string): string {
  if (value === '*') throw wrong(`must be * alone, or a list of origins, ${PAGE_EXAMPLE}`);
  if (value.includes('*')) throw wrong(`must list each origin, because wildcards are not supported, ${PAGE_EXAMPLE}`);
  if (/^(null|file:.*)$/i.test(value)) {
    throw wrong('cannot contain null or file:, the origin of every local file: serve the page from a web server');
  }
  const origin = originOf(value);
  if (origin !== undefined) return origin;
  throw wrong(`must be a list of origins with scheme, host and port only, ${PAGE_EXAMPLE}`);
}

/** The origin as browsers send it: without a final slash and a default port, in lower case, and in Punycode. */
function originOf(value: string): string | undefined {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#@\\\s]+\/?$/i.test(value)) return undefined;
  const url = URL.parse(value);
  if (!url?.host) return undefined;
  // Browsers know the origin of their own schemes, URL only those of the web.
  return url.origin === 'null' ? `${url.protocol}//${url.host.toLowerCase()}` : url.origin;
}
