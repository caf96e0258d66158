-- Policy switches of a client, the pause ("brown-out") of a credential, where a certificate came from, and who uses which
-- credential from where.

alter table clients
  -- Client-credentials tokens may reach profile resources (the embedded model).
  add column embedded_model boolean not null default false,
  -- Strong customer authentication is not asked for. A tool of the sandbox, never of production.
  add column sca_off boolean not null default false,
  -- Addresses and CIDR ranges its requests may come from, in canonical form. Empty: from anywhere.
  add column allowed_addresses text[] not null default '{}',
  add constraint clients_sca_off_in_sandbox_only check (not sca_off or environment = 'sandbox');

alter table client_secrets
  -- Ended by hand: it gets no more tokens, whatever a clock says later. usable_until ends it by time.
  add column ended_at timestamptz,
  -- Until this moment it is treated as if it were revoked, and afterwards as before.
  add column paused_until timestamptz,
  -- Since when its uses are counted: before that, "never used" means nothing.
  add column uses_counted_since timestamptz not null default now();

alter table certificates
  add column origin text not null default 'issued' check (origin in ('issued', 'uploaded')),
  add column paused_until timestamptz,
  add column uses_counted_since timestamptz not null default now(),
  -- The last notice given of its expiry, in days ahead: 30, 14, 7, 1, and 0 when it is over. Null: none yet.
  add column expiry_notice_days integer;
-- An identity belongs to one client at a time. A revoked row holds nobody else off: it may have been somebody else's certificate.
alter table certificates drop constraint certificates_environment_sha256_key;
create unique index certificates_by_identity on certificates (environment, sha256) where revoked_at is null;
create index certificates_by_end on certificates (not_after) where revoked_at is null;

-- One row per credential (client secret or certificate), address and certificate it was used with. Counted in memory and written
-- at most once a minute; only proved credentials get here. Bounded per credential, and deleted when long unused.
create table credential_uses (
  environment      text not null,
  credential_id    text not null,
  client_id        text not null,
  address          text not null,
  -- The certificate of the connection; empty for none.
  certificate_id   text not null default '',
  uses             bigint not null default 0,
  last_used_at     timestamptz,
  -- When the last access token obtained by these uses runs out.
  tokens_until     timestamptz,
  -- Requests in which it was proved, and that were refused, for whatever reason.
  refused          bigint not null default 0,
  last_refused_at  timestamptz,
  expires_at       timestamptz not null,
  primary key (environment, credential_id, address, certificate_id),
  foreign key (environment, client_id) references clients (environment, id)
);
create index credential_uses_by_client on credential_uses (environment, client_id);
create index credential_uses_by_expiry on credential_uses (expires_at);
