-- An authority has generations: the next one is made before the one in use ends, and published before it is used.
alter table certificate_authorities
  add column id text not null default 'aut_' || replace(gen_random_uuid()::text, '-', ''),
  -- From when on it signs, until the next one does.
  add column active_from timestamptz not null default now();
update certificate_authorities set active_from = created_at;
alter table certificate_authorities drop constraint certificate_authorities_pkey;
alter table certificate_authorities add primary key (id);
create unique index certificate_authorities_by_start on certificate_authorities (environment, kind, active_from);

-- What every node derives the same keys for TLS session tickets from.
create table ticket_keys (
  environment  text not null check (environment in ('sandbox', 'production')),
  id           text not null,
  key_sealed   bytea not null,
  created_at   timestamptz not null,
  -- From when on it is used, until the next one is.
  active_from  timestamptz not null,
  primary key (environment, id)
);
create unique index ticket_keys_by_start on ticket_keys (environment, active_from);
create trigger ticket_keys_announce after insert or update or delete on ticket_keys
  for each row execute function announce_keys();
