// A statement as a table, RFC 4180. Columns and their order are those that importers of the contract's statements know.

import { formatDecimal } from '../money/decimal.js';
import { toText } from '../money/money.js';
import type { StatementLine } from './statement.js';

const columns: readonly (readonly [string, (line: StatementLine) => string])[] = [
  ['TransferWise ID', (line) => line.referenceNumber],
  ['Date', (line) => dayOf(line.at)],
  ['Amount', (line) => toText(line.amount)],
  ['Currency', (line) => line.amount.currency],
  ['Description', (line) => line.description],
  ['Payment Reference', (line) => line.reference ?? ''],
  ['Running Balance', (line) => toText(line.runningBalance)],
  ['Exchange From', (line) => line.exchange?.from.currency ?? ''],
  ['Exchange To', (line) => line.exchange?.to.currency ?? ''],
  ['Exchange Rate', (line) => (line.exchange === null ? '' : formatDecimal(line.exchange.rate))],
  ['Payee Name', (line) => line.recipientName ?? ''],
  ['Total fees', (line) => toText(line.fees)],
];

export function renderCsv(lines: readonly StatementLine[]): string {
  const rows = [columns.map(([name]) => name), ...lines.map((line) => columns.map(([, read]) => read(line)))];
  return rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
}

/** Day, month, year. */
function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10).split('-').reverse().join('-');
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
