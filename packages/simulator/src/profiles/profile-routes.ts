import { z } from 'zod';
import { type Answer, answer, conflict, isRefusal, type Refusal } from '../http/answers.js';
import { idText, optional, textField } from '../http/fields.js';
import { answerOnce, requireIdempotenceKey } from '../http/idempotence.js';
import { clientRoute, gatewayRoute, type Route } from '../http/route.js';
import type { World } from '../world.js';
import { alpha2ByAlpha3 } from './countries.js';
import { type Address, describeProfile, describeProfileV1, ownProfile, type Profile } from './profile.js';

const addressField = z.object({
  addressFirstLine: textField(255),
  city: textField(100),
  countryIso3Code: z
    .string()
    .transform((code) => code.toUpperCase())
    .refine((code) => alpha2ByAlpha3.has(code), 'is no country code of three letters'),
  postCode: optional(textField(20)),
  stateCode: optional(textField(5)),
});

const contactDetails = z.object({
  email: z.email().max(254),
  phoneNumber: optional(z.string().regex(/^\+[1-9]\d{4,14}$/, 'is no phone number such as +441234567890')),
});

const personalSchema = z.object({
  firstName: textField(30),
  lastName: textField(30),
  preferredName: optional(textField(30)),
  dateOfBirth: z.iso.date(),
  address: addressField,
  contactDetails,
});

const businessSchema = z.object({
  businessName: textField(100),
  registrationNumber: textField(50),
  companyType: textField(50),
  companyRole: textField(50),
  webpage: optional(textField(255)),
  industryCategories: z.array(textField(100)).max(20).default([]),
  operationalAddresses: z.array(addressField).max(20).default([]),
  address: addressField,
  actorEmail: optional(z.email().max(254)),
});

const params = z.object({ profileId: idText });

interface NewProfile {
  readonly clientId: string;
  readonly idempotenceKey: string | undefined;
  readonly body: unknown;
  readonly type: Profile['type'];
  make(common: Pick<Profile, 'id' | 'publicId' | 'userId' | 'clientId' | 'createdAt'>): Profile;
}

/** Without a key a second profile of a kind is refused, because it may be the first one again. */
function createProfile(world: World, { clientId, idempotenceKey, body, type, make }: NewProfile): Answer | Refusal {
  const propose = () => {
    const common = {
      id: world.newId(),
      publicId: world.newUuid(),
      userId: world.newId(),
      clientId,
      createdAt: world.now(),
    };
    const record = make(common);
    return { changes: [{ put: 'profile', record } as const], answer: answer(describeProfile(record)) };
  };
  if (idempotenceKey !== undefined) {
    const key = requireIdempotenceKey(idempotenceKey);
    if (typeof key !== 'string') return key;
    return answerOnce(world, { clientId, operation: `profile ${type}`, idempotenceKey: key, body }, propose);
  }
  for (const profile of world.state.profiles.values()) {
    if (profile.clientId !== clientId || profile.type !== type) continue;
    return conflict('NOT_UNIQUE', 'there is a profile of this kind; send X-idempotence-uuid to make another one');
  }
  const proposal = propose();
  world.commit(proposal.changes);
  return proposal.answer;
}

function storeAddress(world: World, address: z.output<typeof addressField>): Address {
  return { id: world.newId(), ...address, countryIso2Code: alpha2ByAlpha3.get(address.countryIso3Code) ?? '' };
}

function profilesOf(world: World, clientId: string): Profile[] {
  return [...world.state.profiles.values()].filter((profile) => profile.clientId === clientId);
}

export const profileRoutes: readonly Route[] = [
  clientRoute({
    method: 'POST',
    path: '/v2/profiles/personal-profile',
    body: personalSchema,
    answer: ({ world, clientId, body, idempotenceKey }) => {
      const { contactDetails: contact, address, ...personal } = body;
      return createProfile(world, {
        clientId,
        idempotenceKey,
        body,
        type: 'PERSONAL',
        make: (common) => ({
          ...common,
          ...personal,
          ...contact,
          type: 'PERSONAL',
          address: storeAddress(world, address),
        }),
      });
    },
  }),

  clientRoute({
    method: 'POST',
    path: '/v3/profiles/business-profile',
    body: businessSchema,
    answer: ({ world, clientId, body, idempotenceKey }) => {
      const { address, operationalAddresses, actorEmail, ...business } = body;
      return createProfile(world, {
        clientId,
        idempotenceKey,
        body,
        type: 'BUSINESS',
        make: (common) => ({
          ...common,
          ...business,
          type: 'BUSINESS',
          email: actorEmail ?? '',
          phoneNumber: null,
          address: storeAddress(world, address),
          operationalAddresses: operationalAddresses.map((one) => storeAddress(world, one)),
        }),
      });
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v2/profiles',
    answer: ({ world, clientId }) => answer(profilesOf(world, clientId).map(describeProfile)),
  }),

  clientRoute({
    method: 'GET',
    path: '/v2/profiles/:profileId',
    params,
    answer: ({ world, clientId, params: { profileId } }) => {
      const profile = ownProfile(world.state, clientId, profileId);
      return isRefusal(profile) ? profile : answer(describeProfile(profile));
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v1/profiles',
    answer: ({ world, clientId }) => answer(profilesOf(world, clientId).map(describeProfileV1)),
  }),

  // What the gateway judges calls by. Partners have no way to this path.
  gatewayRoute({
    method: 'GET',
    path: '/internal/profiles/:profileId',
    params,
    answer: ({ world, params: { profileId } }) => {
      const profile = world.state.profiles.get(profileId);
      if (profile === undefined) {
        return {
          refusal: `there is no profile ${profileId}`,
          status: 404,
          shape: { kind: 'status', message: 'Not found' },
        };
      }
      return answer({ id: profile.id, country: profile.address.countryIso2Code, clientId: profile.clientId });
    },
  }),
];
