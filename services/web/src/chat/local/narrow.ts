/** Media query of a page that shows one pane. */
export const NARROW = '(max-width: 759px)';
