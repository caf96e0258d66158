-- Several processes on one database. What a process remembers, it must hear about when another one changes it.

-- One row per change, written by triggers in the transaction that makes the change, so that no path can forget it. Nodes
-- read the rows that became visible since their last look, and are woken by a notification.
create table announcements (
  id              bigint generated always as identity primary key,
  -- Rows become visible in the order of their commits, not of their ids: what a snapshot has not seen is told by this.
  transaction_id  xid8 not null default pg_current_xact_id(),
  -- standing: the facts of a client. keys: a table of keys.
  topic           text not null check (topic in ('standing', 'keys')),
  environment     text check (environment in ('sandbox', 'production')),
  -- The id of the client, or the name of the table.
  subject         text not null,
  -- Not now(), which is when the transaction began.
  expires_at      timestamptz not null default clock_timestamp() + interval '1 hour'
);
create index announcements_by_transaction on announcements (transaction_id);
create index announcements_by_subject on announcements (environment, subject);
create index announcements_by_expiry on announcements (expires_at);

create function notify_announcement() returns trigger language plpgsql as $$
begin
  perform pg_notify('tollward_announcements', new.topic || ' ' || coalesce(new.environment, '-') || ' ' || new.subject);
  return null;
end $$;
create trigger announcements_notify after insert on announcements
  for each row execute function notify_announcement();

-- Of a row that moves from one client to another, both are announced.
create function announce_standing_of_client() returns trigger language plpgsql as $$
begin
  insert into announcements (topic, environment, subject)
    select 'standing', new.environment, new.client_id where tg_op <> 'DELETE'
    union
    select 'standing', old.environment, old.client_id where tg_op <> 'INSERT';
  return null;
end $$;

create function announce_client() returns trigger language plpgsql as $$
begin
  insert into announcements (topic, environment, subject)
    select 'standing', new.environment, new.id where tg_op <> 'DELETE'
    union
    select 'standing', old.environment, old.id where tg_op <> 'INSERT';
  return null;
end $$;

create function announce_clients_of_organisation() returns trigger language plpgsql as $$
begin
  insert into announcements (topic, environment, subject)
    select 'standing', environment, id from clients where organisation_id = new.id;
  return null;
end $$;

create function announce_keys() returns trigger language plpgsql as $$
begin
  insert into announcements (topic, subject) values ('keys', tg_table_name);
  return null;
end $$;

create trigger clients_announce after insert or update or delete on clients
  for each row execute function announce_client();
create trigger client_secrets_announce after insert or update or delete on client_secrets
  for each row execute function announce_standing_of_client();
create trigger certificates_announce after insert or update or delete on certificates
  for each row execute function announce_standing_of_client();
create trigger organisations_announce after update on organisations
  for each row execute function announce_clients_of_organisation();
create trigger token_keys_announce after insert or update or delete on token_keys
  for each row execute function announce_keys();
create trigger hmac_keys_announce after insert or update or delete on hmac_keys
  for each row execute function announce_keys();
create trigger certificate_authorities_announce after insert or update or delete on certificate_authorities
  for each row execute function announce_keys();

-- The processes that use this database, each kept alive by its own polls.
create table nodes (
  id            text primary key,
  -- For people: host name and process id.
  name          text not null,
  version       text not null,
  environments  text[] not null,
  started_at    timestamptz not null,
  -- When its last poll reached the database, by the clock of the database.
  polled_at     timestamptz not null,
  -- For how long after a poll it may still believe its cache.
  bound_ms      integer not null check (bound_ms > 0),
  -- Everything that this snapshot sees, the node has taken into account.
  applied       pg_snapshot not null,
  expires_at    timestamptz not null
);
create index nodes_by_expiry on nodes (expires_at);
