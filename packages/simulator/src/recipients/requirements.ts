// Forms: what a recipient or a transfer has to say, for programs that ask their users.

import { typesFor } from './recipient-types.js';

interface FormField {
  readonly key: string;
  readonly name: string;
  readonly isRequired: boolean;
  readonly example?: string;
  readonly minimumLength?: number;
  readonly maximumLength?: number;
  readonly format?: RegExp;
  readonly allowed?: readonly string[];
}

export const longestReference = 140;

const legalType: FormField = {
  key: 'legalType',
  name: 'Recipient type',
  isRequired: true,
  example: 'PRIVATE',
  allowed: ['PRIVATE', 'BUSINESS'],
};

const reference: FormField = {
  key: 'reference',
  name: 'Reference',
  isRequired: false,
  maximumLength: longestReference,
};

export function recipientRequirements(currency: string): object[] {
  return typesFor(currency).map(({ type, title, fields }) => ({
    type,
    title,
    usageInfo: null,
    fields: [legalType, ...fields.map((field) => ({ ...field, isRequired: true }))].map(describeField),
  }));
}

export function transferRequirements(): object[] {
  return [{ type: 'transfer', usageInfo: null, fields: [describeField(reference)] }];
}

function describeField(field: FormField): object {
  const { key, name, isRequired, example, minimumLength, maximumLength, format, allowed } = field;
  return {
    name,
    group: [
      {
        key,
        name,
        type: allowed === undefined ? 'text' : 'select',
        refreshRequirementsOnChange: false,
        required: isRequired,
        displayFormat: null,
        example: example ?? null,
        minLength: minimumLength ?? null,
        maxLength: maximumLength ?? null,
        validationRegexp: format?.source ?? null,
        validationAsync: null,
        valuesAllowed: allowed?.map((value) => ({ key: value, name: value })) ?? null,
      },
    ],
  };
}
