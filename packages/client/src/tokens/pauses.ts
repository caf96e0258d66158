import type { World } from '../world.js';

const shortestMs = 1_000;
const longestMs = 5_000;

/** What was learnt just now, for each thumbprint, so that the token endpoint is not asked again at once in vain. Ends after 1 to 5 seconds. */
export class Pauses<T> {
  readonly #world: Pick<World, 'steadyClock' | 'random'>;
  readonly #begun = new Map<string | null, { readonly learnt: T; readonly until: number }>();

  constructor(world: Pick<World, 'steadyClock' | 'random'>) {
    this.#world = world;
  }

  begin(thumbprint: string | null, learnt: T): void {
    const { steadyClock, random } = this.#world;
    this.#begun.set(thumbprint, { learnt, until: steadyClock() + shortestMs + (longestMs - shortestMs) * random() });
  }

  end(thumbprint: string | null): void {
    this.#begun.delete(thumbprint);
  }

  /** Undefined when none runs. */
  learnt(thumbprint: string | null): T | undefined {
    const begun = this.#begun.get(thumbprint);
    return begun !== undefined && this.#world.steadyClock() < begun.until ? begun.learnt : undefined;
  }
}
