// Whatever is done in whatever order: money is neither made nor lost, nobody owes, statements add up, and what was journaled is
// what there is. The commands are chosen by fast-check, good and bad ones.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type JournalEntry, openJournal } from './journal.js';
import { aPartner, type Partner } from './partner-for-tests.js';
import { aSimulator, type Said } from './simulator-for-tests.js';
import { createWorld, type World } from './world.js';

const currency = fc.constantFrom('GBP', 'EUR', 'JPY', 'BHD');
const amount = fc.oneof(
  fc.integer({ min: 1, max: 200_000 }).map((cents) => cents / 100),
  fc.constantFrom(1, 100, 0.31, 999_999_999.99, 1_000_000_001, 0, -5),
);
/** Which of the things that there are. */
const which = fc.nat(5);
const someState = fc.constantFrom(
  'processing',
  'funds_converted',
  'outgoing_payment_sent',
  'bounced_back',
  'funds_refunded',
);

const command = fc.oneof(
  fc.record({ do: fc.constant('open' as const), currency, isSavings: fc.boolean() }),
  fc.record({ do: fc.constant('close' as const), which }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('topup' as const), which, amount }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('transfer' as const), source: currency, amount, isTarget: fc.boolean() }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('fund' as const), which, times: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('simulate' as const), which, state: someState }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), which, other: which, amount }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('convert' as const),
      source: currency,
      target: currency,
      amount,
      times: fc.integer({ min: 1, max: 2 }),
    }),
  },
  fc.record({ do: fc.constant('wait' as const), days: fc.nat(15) }),
);
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;

/** Ids of what was made so far. */
interface Things {
  readonly balances: { readonly id: number; readonly currency: string }[];
  readonly transfers: number[];
}

const withId = z.object({ id: z.number() });

async function run(partner: Partner, things: Things, wish: Command, wait: (days: number) => void): Promise<Said[]> {
  const { profileId } = partner;
  const balance = (index: number) => things.balances[index] ?? { id: 1, currency: 'EUR' };
  const transferOf = (index: number) => things.transfers[index] ?? 1;
  const quote = (sourceCurrency: string, targetCurrency: string, amounts: object, more: object = {}) =>
    partner.call(`POST /v3/profiles/${profileId}/quotes`, { sourceCurrency, targetCurrency, ...amounts, ...more });
  switch (wish.do) {
    case 'open': {
      const type = wish.isSavings ? { type: 'SAVINGS', name: 'jar' } : { type: 'STANDARD' };
      const body = { currency: wish.currency, ...type };
      const said = await partner.call(`POST /v4/profiles/${profileId}/balances`, body, partner.key());
      if (said.status === 201) things.balances.push({ ...withId.parse(said.body), currency: wish.currency });
      return [said];
    }
    case 'close':
      return [await partner.call(`DELETE /v4/profiles/${profileId}/balances/${balance(wish.which).id}`)];
    case 'topup': {
      const { id, currency: code } = balance(wish.which);
      return [await partner.topUp(id, code, wish.amount)];
    }
    case 'transfer': {
      const amounts = wish.isTarget ? { targetAmount: wish.amount } : { sourceAmount: wish.amount };
      const quoted = await quote(wish.source, 'EUR', amounts);
      if (quoted.status !== 200) return [quoted];
      const { id: quoteUuid } = z.object({ id: z.string() }).parse(quoted.body);
      things.transfers.push(await partner.transfer({ quoteUuid }));
      return [quoted];
    }
    case 'fund': {
      const said = await Promise.all(Array.from({ length: wish.times }, () => partner.fund(transferOf(wish.which))));
      const completed = said.filter(({ body }) => z.object({ status: z.literal('COMPLETED') }).safeParse(body).success);
      expect(completed.length).toBeLessThan(2);
      return said;
    }
    case 'simulate':
      return [await partner.call(`GET /v1/simulation/transfers/${transferOf(wish.which)}/${wish.state}`)];
    case 'cancel':
      return [await partner.call(`PUT /v1/transfers/${transferOf(wish.which)}/cancel`)];
    case 'move': {
      const source = balance(wish.which);
      const body = {
        sourceBalanceId: source.id,
        targetBalanceId: balance(wish.other).id,
        amount: { value: wish.amount, currency: source.currency },
      };
      return [await partner.call(`POST /v2/profiles/${profileId}/balance-movements`, body, partner.key())];
    }
    case 'convert': {
      const quoted = await quote(wish.source, wish.target, { sourceAmount: wish.amount }, { payOut: 'BALANCE' });
      if (quoted.status !== 200) return [quoted];
      const { id: quoteId } = z.object({ id: z.string() }).parse(quoted.body);
      const key = partner.key();
      const path = `POST /v2/profiles/${profileId}/balance-movements`;
      const said = await Promise.all(Array.from({ length: wish.times }, () => partner.call(path, { quoteId }, key)));
      // Under one key the answer is the same, and so is what happened.
      expect(new Set(said.map(({ body }) => JSON.stringify(body))).size).toBe(1);
      return said;
    }
    case 'wait':
      wait(wish.days);
      return [];
  }
}

function expectMoneyKept({ state }: World): void {
  const totals = new Map<string, bigint>();
  for (const [account, sums] of state.ledger.sums) {
    for (const [code, sum] of sums) {
      totals.set(code, (totals.get(code) ?? 0n) + sum);
      if (account.startsWith('balance/') || account.startsWith('transit/')) expect(sum >= 0n).toBe(true);
    }
  }
  for (const total of totals.values()) expect(total).toBe(0n);
}

const isOver = new Set(['outgoing_payment_sent', 'funds_refunded', 'cancelled', 'incoming_payment_waiting']);

/** A transfer that is over, or was never paid, holds no money. */
function expectNothingStuck({ state }: World): void {
  for (const { id, state: at } of state.transfers.values()) {
    if (!isOver.has(at)) continue;
    for (const sum of state.ledger.sums.get(`transit/${id}`)?.values() ?? []) expect(sum).toBe(0n);
  }
}

const statementShape = z.object({
  transactions: z.array(
    z.object({ amount: z.object({ value: z.number() }), runningBalance: z.object({ value: z.number() }) }),
  ),
  endOfStatementBalance: z.object({ value: z.number() }),
});

const decimals: Readonly<Record<string, number>> = { GBP: 2, EUR: 2, JPY: 0, BHD: 3 };

/** In whole minor units, which doubles of this size hold exactly. */
async function expectStatementsAddUp(partner: Partner, things: Things, now: number): Promise<void> {
  const interval = `intervalStart=${new Date(now - 400 * 86_400_000).toISOString()}&intervalEnd=${new Date(now).toISOString()}`;
  for (const { id, currency: code } of things.balances) {
    for (const type of ['COMPACT', 'FLAT']) {
      const path = `/v1/profiles/${partner.profileId}/balance-statements/${id}/statement.json`;
      const said = await partner.call(`GET ${path}?currency=${code}&${interval}&type=${type}`);
      if (said.status === 404) continue;
      const { transactions, endOfStatementBalance } = statementShape.parse(said.body);
      const minor = ({ value }: { value: number }) => Math.round(value * 10 ** (decimals[code] ?? 0));
      let sum = 0;
      for (const { amount: change, runningBalance } of transactions.toReversed()) {
        sum += minor(change);
        expect(minor(runningBalance)).toBe(sum);
      }
      expect(minor(endOfStatementBalance)).toBe(sum);
      expect(minor({ value: await partner.amountOf(id) })).toBe(sum);
    }
  }
}

describe('money', () => {
  it('[SIM-15] is kept through any sequence of commands, and so is all else by the journal', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'simulator-money-'));
    let runs = 0;
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
          const entries: JournalEntry[] = [];
          const journal = {
            append: (entry: JournalEntry) => void entries.push(entry),
            settled: () => Promise.resolve(),
          };
          const simulator = aSimulator({ journal });
          const partner = await aPartner(simulator, 'cli_1');
          const things: Things = { balances: [], transfers: [] };
          for (const code of ['GBP', 'EUR']) {
            things.balances.push({ id: await partner.openBalance(code), currency: code });
          }
          await partner.topUp(things.balances[0]?.id ?? 0, 'GBP', 500);
          const wait = (days: number) => {
            simulator.time.now += days * 86_400_000 + 60_000;
          };
          for (const wish of commands) {
            const said = await run(partner, things, wish, wait);
            for (const { status } of said) expect(status).toBeLessThan(500);
            expectMoneyKept(simulator.world);
          }
          expectNothingStuck(simulator.world);
          await expectStatementsAddUp(partner, things, simulator.time.now);

          runs += 1;
          const path = join(directory, `${runs}.jsonl`);
          const first = await openJournal(path, 'sandbox', () => undefined);
          for (const entry of entries) first.journal.append(entry);
          await first.journal.close();
          const second = await openJournal(path, 'sandbox', () => undefined);
          await second.journal.close();
          const clock = () => simulator.time.now;
          const replayed = createWorld({ clock, newUuid: () => '', entries: second.entries, journal });
          expect(replayed.state).toEqual(simulator.world.state);
          expect(replayed.newId()).toBe(simulator.world.newId());
        }),
        { numRuns: 40 },
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  }, 60_000);
});
