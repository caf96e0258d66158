import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { hashCheckpoint, listAuditEntries, writeExport } from '../audit/index.js';
import type { Settings } from '../platform/config/settings.js';
import { type AuditListBody, auditListSchema } from '../surfaces/management/schemas/audit.js';
import { withChainSource, withMigratedDatabase } from './audit-source.js';
import { addAuditVerifyCommand } from './audit-verify.js';
import { type Cli, type CliContext, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { openNewFile } from './new-file.js';
import { renderFields, renderTable } from './text.js';

export function addAuditCommand(cli: Cli): void {
  const audit = cli.program.command('audit').description('what was done, and the proof that nothing of it was changed');
  addListCommand(audit, cli);
  addCheckpointCommand(audit, cli);
  addExportCommand(audit, cli);
  addAuditVerifyCommand(audit, cli);
}

interface ListOptions {
  readonly limit: number;
  readonly subject?: string;
}

function addListCommand(audit: Command, { context, run }: Cli): void {
  audit
    .command('list')
    .description('list what was done, the newest first')
    .option('--limit <number>', 'at most so many', parseLimit, 50)
    .option('--subject <id>', 'only what was done to this client, secret, certificate or key')
    .action((options: ListOptions) =>
      run(async (load) => {
        const answer = await readList(load().settings, options);
        return 'exitCode' in answer ? answer : renderList(answer, context);
      }),
    );
}

function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (limit >= 1 && limit <= 1_000) return limit;
  throw new InvalidArgumentError('It must be a whole number, 1 to 1000.');
}

async function readList(settings: Settings, { limit, subject }: ListOptions): Promise<AuditListBody | Outcome> {
  const query = new URLSearchParams({ limit: String(limit), ...(subject === undefined ? {} : { subject }) });
  const path = `/audit/entries?${query.toString()}`;
  const answer = await askManagement(settings.dataDir, { method: 'GET', path, answer: auditListSchema });
  if (answer.ok) return answer.value;
  if (answer.running) return answer.outcome;
  const entries = await withMigratedDatabase(settings, (database) => listAuditEntries(database, { limit, subject }));
  return { entries };
}

function renderList({ entries }: AuditListBody, context: CliContext): Outcome {
  if (entries.length === 0) return done('There is no such entry.', { entries });
  const rows = entries.map(({ occurredAt, position, environment, actor, action, subject, details }) => [
    occurredAt.toISOString(),
    position === null ? '-' : String(position),
    environment ?? 'both',
    actor,
    action,
    subject,
    Object.entries(details)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ]);
  const header = ['WHEN', 'ENTRY', 'ENVIRONMENT', 'WHO', 'WHAT', 'SUBJECT', 'DETAILS'];
  return done(renderTable(header, rows, context), { entries });
}

function addCheckpointCommand(audit: Command, { context, run }: Cli): void {
  audit
    .command('checkpoint')
    .description('show the newest checkpoint and its key, to note them where no operator of the database can write')
    .action(() =>
      run(async (load) =>
        withChainSource(load().settings, context, async (source) => {
          const { checkpoint: number, keys } = await source.header();
          const [checkpoint] = await source.checkpoints(number - 1, number);
          if (checkpoint === undefined) {
            return failed(exitCodes.notFound, 'There is no checkpoint yet: a running server signs the first one.');
          }
          const noted = `${checkpoint.number}:${hashCheckpoint(checkpoint)}`;
          const { position, signedAt, keyId } = checkpoint;
          const publicKey = keys.find(({ id }) => id === keyId)?.publicKey ?? '';
          const text = renderFields(
            [
              ['Checkpoint', noted],
              ['Entries', String(position)],
              ['Signed', signedAt],
              ['Key', keyId],
            ],
            context,
          );
          const use = `\n\nLater: tollward audit verify --key ${keyId} --checkpoint ${noted}`;
          return done(text + use, { checkpoint: noted, position, signedAt, keyId, publicKey });
        }),
      ),
    );
}

function addExportCommand(audit: Command, { context, run }: Cli): void {
  audit
    .command('export')
    .description('write the whole chain as JSON lines, which "audit verify" checks anywhere')
    .option('--out <file>', 'a new file, for its owner only (default: standard output)')
    .action(({ out }: { readonly out?: string }) =>
      run(async (load) =>
        withChainSource(load().settings, context, async (source) => {
          if (out === undefined) {
            await writeExport(source, context.writeOut);
            return { exitCode: exitCodes.ok };
          }
          const opened = await openNewFile(context.workingDirectory, out, 'Nothing was exported.');
          if (!opened.ok) return opened.outcome;
          const { file } = opened;
          try {
            const { entries, checkpoints } = await writeExport(source, file.append);
            const problem = await file.write('');
            if (problem !== undefined)
              return failed(exitCodes.failure, `${file.path} could not be written: ${problem}`);
            const text = `${file.path} holds ${entries} entries and ${checkpoints} checkpoints.`;
            return done(text, { file: file.path, entries, checkpoints });
          } catch (error) {
            await file.discard();
            throw error;
          }
        }),
      ),
    );
}
