import { useEffect, useId, useRef } from 'react';
import classes from './dialog.module.css';

interface DialogProps {
  title: React.ReactNode;
  onClose: () => void;
  /** At the right edge and as high as the window, for text to read beside the page. */
  aside?: boolean;
  children: React.ReactNode;
}

/**
 * A dialog of the browser: it keeps the focus, closes with Escape and returns the focus. Mantine's would add a `<style>`
 * element, which the Content Security Policy of the page forbids.
 */
export function Dialog({ title, onClose, aside = false, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const element = dialog.current;
    if (!element?.open) element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={aside ? classes.aside : classes.dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => event.target === dialog.current && onClose()}
    >
      <div className={classes.content}>
        <header className={classes.head}>
          <h2 className={classes.title} id={heading}>
            {title}
          </h2>
          <button type="button" className={classes.close} onClick={onClose} aria-label="Close">
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M3.5 3.5l9 9m0-9l-9 9" />
            </svg>
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
