export { findOrCreateOrganisation, lockOrganisation } from './organisation-store.js';
