export * from './environment.js';
export * from './refusal-code.js';
export * from './secret-format.js';
export * from './wire.js';
