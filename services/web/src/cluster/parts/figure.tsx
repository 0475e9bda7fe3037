import classes from './figure.module.css';

/** A figure that exceeds its limit is bold and has a triangle; the title names the limit. */
export function Figure({ children, exceeds }: { children: React.ReactNode; exceeds?: string | false | undefined }) {
  if (!exceeds) return <>{children}</>;
  return (
    <span className={classes.exceeded} title={exceeds}>
      <svg className={classes.triangle} viewBox="0 0 12 12" role="img" aria-label={exceeds}>
        <path d="M6 0.8l5.6 10.2h-11.2z" />
      </svg>
      {children}
    </span>
  );
}
