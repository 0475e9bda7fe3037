import { z } from 'zod';
import { LIMITS } from './limits.ts';

const { attachmentUrlLength } = LIMITS;

/**
 * The URL of an attachment, as the URL Standard serialises it: the host in lower case and in punycode, other characters
 * percent-encoded. What one parser reads differently from another, or what a reader cannot see, is rejected. So the
 * URL that people see is the one that every client opens.
 */
export const attachmentUrl = z
  .string()
  .max(attachmentUrlLength, { abort: true })
  .check((context) => {
    const url = URL.parse(context.value);
    const message = problemOf(context.value, url);
    if (url && message === undefined) context.value = url.href;
    else context.issues.push({ code: 'custom', message: message ?? NOT_HTTPS, input: context.value });
  })
  .meta({
    description: `An absolute https URL. Stored and sent in its normal form, at most ${attachmentUrlLength} long`,
  });

const NOT_HTTPS = 'must be an absolute URL that begins with https://';

/**
 * Controls, surrogates, invisible format characters (bidirectional controls, zero-width characters, soft hyphens, tags),
 * white space of all kinds, and the backslash, which some parsers read as a slash.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Cf}\p{Z}\\]/u;
/** The scheme, and a host that follows at once. `https:host` and `https:///host` are other notations of it. */
const ABSOLUTE = /^https:\/\/[^/?#]/i;
/** An @ before the path: the host is what follows it. */
const USER = /^https:\/\/[^/?#]*@/i;

function problemOf(text: string, url: URL | null): string | undefined {
  if (UNSAFE.test(text))
    return 'must not contain spaces, backslashes, control or invisible characters; percent-encode them';
  if (!ABSOLUTE.test(text) || url === null) return NOT_HTTPS;
  if (USER.test(text)) return 'must not contain a user or a password';
  if (url.href.length > attachmentUrlLength)
    return `must have at most ${attachmentUrlLength} characters when percent-encoded`;
  return undefined;
}
