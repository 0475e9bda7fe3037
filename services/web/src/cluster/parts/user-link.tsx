import { UserName } from '../../ui/user-name.tsx';
import { userLink } from '../data/page-route.ts';

/** A user id that leads to the lookup of the user. */
export function UserLink({ id, className }: { id: string; className?: string | undefined }) {
  return (
    <a className={className} href={userLink(id)}>
      <UserName id={id} />
    </a>
  );
}
