export { findOrCreateOrganisation } from './organisation-store.js';
