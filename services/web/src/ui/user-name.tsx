import { visibleText } from './visible-text.ts';

/** A user id as people read it: nothing in it is hidden, and its direction does not reach the text around it. */
export function UserName({ id, className }: { id: string; className?: string | undefined }) {
  return <bdi className={className}>{visibleText(id)}</bdi>;
}
