/** The two worlds of one installation. Credentials, certificates, keys, tokens and hosts are never shared between them. */
export const environments = ['sandbox', 'production'] as const;
export type Environment = (typeof environments)[number];

const shortNames = { sandbox: 'sbx', production: 'prd' } as const satisfies Record<Environment, string>;
export type EnvironmentShortName = (typeof shortNames)[Environment];

/** The three letters by which a secret or token shows its environment: `sbx` or `prd`. */
export function environmentShortName(environment: Environment): EnvironmentShortName {
  return shortNames[environment];
}

export function environmentFromShortName(shortName: string): Environment | undefined {
  return environments.find((environment) => shortNames[environment] === shortName);
}
