-- The chain over the audit entries: its keys, and the signed statements of how far it has come.

-- Ed25519 keys that sign checkpoints. One is active at a time, for the whole installation.
create table audit_keys (
  -- SHA-256 of the public key (its SubjectPublicKeyInfo in DER), in hexadecimal: what people note and compare.
  id            text primary key check (id ~ '^[0-9a-f]{64}$'),
  public_key    bytea not null,
  -- Null once it is retired: what can not be found can not sign.
  key_sealed    bytea,
  created_at    timestamptz not null,
  -- Not used before. It then waits for the checkpoint under the old key that covers its own audit entry.
  active_from   timestamptz not null,
  activated_at  timestamptz,
  retired_at    timestamptz
);
create unique index audit_keys_one_active on audit_keys ((true)) where activated_at is not null and retired_at is null;

create table audit_checkpoints (
  number         bigint primary key check (number > 0),
  -- The last entry it covers, 0 for none, and the hash of that entry.
  position       bigint not null check (position >= 0),
  entry_hash     bytea not null check (octet_length(entry_hash) = 32),
  -- Hash of the checkpoint before, 32 zero bytes for the first one.
  previous_hash  bytea not null check (octet_length(previous_hash) = 32),
  signed_at      timestamptz not null,
  key_id         text not null,
  signature      bytea not null
);

alter table audit_entries add constraint audit_entries_position_from_one check (chain_position > 0);
-- Ids begin with their time, so this is also the order in which things happened.
create index audit_entries_by_subject on audit_entries (subject, id);
