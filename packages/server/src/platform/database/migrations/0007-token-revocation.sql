-- Single access tokens that were revoked before they expired. A token is sealed and has no row of its own, so this is a list
-- of exceptions: at most 500 of a client, read with its facts, and each gone soon after its token has expired.
create table revoked_tokens (
  environment  text not null check (environment in ('sandbox', 'production')),
  client_id    text not null,
  token_id     text not null check (token_id ~ '^[0-9a-f]{32}$'),
  revoked_at   timestamptz not null,
  -- A little later than the token, for nodes whose clocks differ.
  expires_at   timestamptz not null,
  primary key (environment, client_id, token_id),
  foreign key (environment, client_id) references clients (environment, id)
);
create index revoked_tokens_by_expiry on revoked_tokens (expires_at);
create trigger revoked_tokens_announce after insert on revoked_tokens
  for each row execute function announce_standing_of_client();

-- The keys that sign what others verify (ES256). Partners find the public half in the JWK set.
create table signing_keys (
  environment  text not null check (environment in ('sandbox', 'production')),
  -- The JWK thumbprint, SHA-256 in base64url (RFC 7638).
  kid          text not null check (kid ~ '^[A-Za-z0-9_-]{43}$'),
  public_jwk   jsonb not null,
  -- The private key as PKCS#8, sealed by the master key.
  key_sealed   bytea not null,
  created_at   timestamptz not null,
  -- From when on it signs, until the next one does.
  active_from  timestamptz not null,
  primary key (environment, kid)
);
create unique index signing_keys_by_start on signing_keys (environment, active_from);
create trigger signing_keys_announce after insert or update or delete on signing_keys
  for each row execute function announce_keys();
