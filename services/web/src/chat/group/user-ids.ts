/** The user ids in a text, separated by commas or lines; each once. */
export function userIdsIn(text: string): string[] {
  const ids = text.split(/[,\n]/).map((id) => id.trim());
  return [...new Set(ids)].filter((id) => id !== '');
}
