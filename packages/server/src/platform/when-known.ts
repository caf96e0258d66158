/**
 * Goes on at once with what is known, and later with what has to be waited for. Most requests wait for nothing, and a promise
 * for each step of each of them would cost more than the steps.
 */
export function whenKnown<Known, Next>(
  known: Known | Promise<Known>,
  next: (known: Known) => Next | Promise<Next>,
): Next | Promise<Next> {
  return known instanceof Promise ? known.then(next) : next(known);
}
