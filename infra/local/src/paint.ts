/** Colours for a terminal; plain text when `stream` is none, or NO_COLOR is set (https://no-color.org). */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  magenta(text: string): string;
}

export function paintFor(stream: { isTTY?: boolean }): Paint {
  const colourful = stream.isTTY === true && !process.env.NO_COLOR;
  const style = (open: number, close: number) => (text: string) =>
    colourful ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: style(1, 22),
    dim: style(2, 22),
    green: style(32, 39),
    red: style(31, 39),
    yellow: style(33, 39),
    cyan: style(36, 39),
    magenta: style(35, 39),
  };
}
