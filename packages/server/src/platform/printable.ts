/** What stands in a text for each character that can not be seen. */
export const notVisible = '\u{fffd}';

/**
 * What strangers sent reaches logs and terminals: nothing that moves the cursor or hides text gets through. It is replaced and not
 * dropped, because dropping could turn a foreign name into the one that is expected.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, notVisible);
}
