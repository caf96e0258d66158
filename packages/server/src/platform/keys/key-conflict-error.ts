/** A rotation that the state of the keys does not allow. The message is for the operator and says what to do instead. */
export class KeyConflictError extends Error {
  override readonly name = 'KeyConflictError';
}
