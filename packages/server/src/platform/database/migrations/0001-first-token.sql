-- Partner-owned rows carry the environment, and so does every foreign key between them: a row of one environment can
-- not point into the other. Times are timestamptz. What can grow has an expiry column and an index on it.

create table organisations (
  id          text primary key,
  name        text not null unique,
  generation  integer not null default 1 check (generation > 0),
  created_at  timestamptz not null
);

create table clients (
  environment                    text not null check (environment in ('sandbox', 'production')),
  id                             text not null,
  organisation_id                text not null references organisations (id),
  name                           text not null,
  mtls_required                  boolean not null default true,
  access_token_lifetime_seconds  integer not null default 43200 check (access_token_lifetime_seconds between 60 and 86400),
  requests_per_second            integer check (requests_per_second > 0),
  requests_per_minute            integer check (requests_per_minute > 0),
  generation                     integer not null default 1 check (generation > 0),
  created_at                     timestamptz not null,
  revoked_at                     timestamptz,
  primary key (environment, id),
  unique (id),
  unique (environment, organisation_id, name)
);

create table client_secrets (
  environment       text not null,
  id                text not null,
  client_id         text not null,
  hash              bytea not null check (octet_length(hash) = 32),
  hmac_key_version  integer not null,
  hint              text not null check (length(hint) = 4),
  created_at        timestamptz not null,
  -- After this moment the secret gets no more tokens; those it got run out by themselves. Null: no end set.
  usable_until      timestamptz,
  -- From this moment on its tokens are refused as well.
  revoked_at        timestamptz,
  primary key (environment, id),
  foreign key (environment, client_id) references clients (environment, id)
);
create index client_secrets_by_client on client_secrets (environment, client_id);

create table certificates (
  environment    text not null,
  id             text not null,
  client_id      text not null,
  name           text not null,
  -- SHA-256 over the DER encoding: the identity of the certificate, and the x5t#S256 its tokens are bound to.
  sha256         bytea not null check (octet_length(sha256) = 32),
  serial_number  text not null,
  subject        text not null,
  issuer         text not null,
  key_type       text not null,
  not_before     timestamptz not null,
  not_after      timestamptz not null,
  pem            text not null,
  created_at     timestamptz not null,
  revoked_at     timestamptz,
  primary key (environment, id),
  unique (environment, sha256),
  unique (environment, client_id, name),
  foreign key (environment, client_id) references clients (environment, id)
);

-- The two roots of an environment. Private keys are sealed by the master key.
create table certificate_authorities (
  environment         text not null check (environment in ('sandbox', 'production')),
  kind                text not null check (kind in ('partner', 'platform')),
  root_certificate    text not null,
  root_key_sealed     bytea not null,
  issuing_certificate text not null,
  issuing_key_sealed  bytea not null,
  created_at          timestamptz not null,
  primary key (environment, kind)
);

-- Keys under which secrets are stored as HMAC-SHA-256.
create table hmac_keys (
  environment  text not null check (environment in ('sandbox', 'production')),
  version      integer not null check (version > 0),
  key_sealed   bytea not null,
  created_at   timestamptz not null,
  primary key (environment, version)
);

-- Keys that seal access tokens. A key seals from active_from until active_until and is kept until readable_until, when
-- the last token it sealed has expired.
create table token_keys (
  environment     text not null check (environment in ('sandbox', 'production')),
  id              text not null check (id ~ '^[0-9a-f]{8}$'),
  key_sealed      bytea not null,
  created_at      timestamptz not null,
  active_from     timestamptz not null,
  active_until    timestamptz not null check (active_until > active_from),
  readable_until  timestamptz not null check (readable_until > active_until),
  primary key (environment, id)
);
create index token_keys_by_end on token_keys (readable_until);

create table refusals (
  trace_id        text primary key check (trace_id ~ '^[0-9a-f]{32}$'),
  occurred_at     timestamptz not null,
  environment     text not null check (environment in ('sandbox', 'production')),
  listener        text not null,
  method          text not null,
  path            text not null,
  step            text not null,
  code            text not null,
  status          integer not null,
  expected        text not null,
  seen            text not null,
  -- Who the request claims to be, never proof of it; and who it was proved to be.
  client_named    text,
  client_id       text,
  correlation_id  text,
  address         text not null,
  -- Refusals of the same client, code and address that were counted, but not kept, since the last one kept.
  suppressed      integer not null default 0,
  expires_at      timestamptz not null
);
create index refusals_by_expiry on refusals (expires_at);

-- Written in the transaction that changes the state. The chainer (not part of this version) links committed entries in
-- order: transaction_id tells it which are committed, entry is what it hashes.
create table audit_entries (
  id              text primary key,
  occurred_at     timestamptz not null,
  environment     text check (environment in ('sandbox', 'production')),
  actor           text not null,
  action          text not null,
  subject         text not null,
  entry           bytea not null,
  transaction_id  xid8 not null default pg_current_xact_id(),
  chain_position  bigint unique,
  previous_hash   bytea,
  entry_hash      bytea
);
create index audit_entries_unlinked on audit_entries (transaction_id) where chain_position is null;
