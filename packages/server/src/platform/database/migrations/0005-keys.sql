-- Keys that are replaced while several processes use them.

-- How many tokens a key sealed on all nodes, as far as they have told. Writing it is no news about the key itself.
alter table token_keys add column seals bigint not null default 0 check (seals >= 0);
drop trigger token_keys_announce on token_keys;
create trigger token_keys_announce
  after insert or delete or update of key_sealed, active_from, active_until, readable_until on token_keys
  for each row execute function announce_keys();

-- From when on new hashes are made with a version. Every node knows it before.
alter table hmac_keys add column active_from timestamptz not null default now();
update hmac_keys set active_from = created_at;

-- Which secrets are still hashed with an old version.
create index client_secrets_by_hmac_key on client_secrets (environment, hmac_key_version);
