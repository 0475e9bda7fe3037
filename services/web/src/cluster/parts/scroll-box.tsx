interface ScrollBoxProps {
  /** Name of the content. */
  label: string;
  className: string | undefined;
  children: React.ReactNode;
}

/** A box that scrolls. The keyboard reaches it, and screen readers name it. */
export function ScrollBox({ label, className, children }: ScrollBoxProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it the arrow keys could not scroll the box.
    <section className={className} aria-label={`${label}, scrolls`} tabIndex={0}>
      {children}
    </section>
  );
}
