// A person or company that money is moved for, made by one client.

import { z } from 'zod';
import { profileRefused, type Refusal } from '../http/answers.js';
import type { State } from '../state.js';

const addressRecord = z.object({
  id: z.number(),
  addressFirstLine: z.string(),
  city: z.string(),
  countryIso2Code: z.string(),
  countryIso3Code: z.string(),
  postCode: z.string().nullable(),
  stateCode: z.string().nullable(),
});
export type Address = z.output<typeof addressRecord>;

const common = {
  id: z.number(),
  publicId: z.string(),
  userId: z.number(),
  clientId: z.string(),
  createdAt: z.number(),
  address: addressRecord,
  email: z.string(),
  phoneNumber: z.string().nullable(),
};

export const profileRecord = z.discriminatedUnion('type', [
  z.object({
    ...common,
    type: z.literal('PERSONAL'),
    firstName: z.string(),
    lastName: z.string(),
    preferredName: z.string().nullable(),
    dateOfBirth: z.string(),
  }),
  z.object({
    ...common,
    type: z.literal('BUSINESS'),
    businessName: z.string(),
    registrationNumber: z.string(),
    companyType: z.string(),
    companyRole: z.string(),
    webpage: z.string().nullable(),
    industryCategories: z.array(z.string()),
    operationalAddresses: z.array(addressRecord),
  }),
]);

export type Profile = Readonly<z.output<typeof profileRecord>>;

/** The profile, if this client made it. */
export function ownProfile(state: State, clientId: string, profileId: number): Profile | Refusal {
  const profile = state.profiles.get(profileId);
  if (profile === undefined) return profileRefused(`there is no profile ${profileId}`);
  if (profile.clientId !== clientId) return profileRefused(`profile ${profileId} belongs to another client`);
  return profile;
}

function fullName(profile: Profile): string {
  return profile.type === 'BUSINESS' ? profile.businessName : `${profile.firstName} ${profile.lastName}`;
}

export function describeProfile(profile: Profile): object {
  const { clientId: _, createdAt, phoneNumber, ...rest } = profile;
  const time = new Date(createdAt).toISOString();
  return {
    ...rest,
    createdAt: time,
    updatedAt: time,
    currentState: 'VISIBLE',
    contactDetails: { email: profile.email, phoneNumber },
    fullName: fullName(profile),
    ...(profile.type === 'PERSONAL'
      ? { phoneNumber, avatar: null, secondaryAddresses: [] }
      : {
          descriptionOfBusiness: null,
          firstLevelCategory: profile.industryCategories[0] ?? null,
          secondLevelCategory: null,
        }),
  };
}

/** As the first version of the API has it. */
export function describeProfileV1(profile: Profile): object {
  const { id, address, phoneNumber } = profile;
  if (profile.type === 'BUSINESS') {
    const { businessName: name, registrationNumber, companyType, companyRole, webpage } = profile;
    const details = { name, registrationNumber, companyType, companyRole, webpage };
    return { id, type: 'business', details: { ...details, descriptionOfBusiness: null, primaryAddress: address.id } };
  }
  const { firstName, lastName, dateOfBirth } = profile;
  const details = { firstName, lastName, dateOfBirth, phoneNumber };
  return { id, type: 'personal', details: { ...details, avatar: null, occupation: null, primaryAddress: address.id } };
}
