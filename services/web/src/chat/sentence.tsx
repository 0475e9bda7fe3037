import { UserName } from '../ui/user-name.tsx';
import type { SentencePart } from './system-entry.ts';

/** A sentence with names that others have chosen, each of them isolated. */
export function Sentence({ parts }: { parts: readonly SentencePart[] }) {
  return parts.map((part, index) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a sentence never change their order
    'name' in part ? <UserName key={index} id={part.name} /> : part.text,
  );
}
