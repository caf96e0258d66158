-- What each node counted against the limits that all nodes hold together. A row has one writer, so nodes never wait for each
-- other here. Unlogged: nothing waits for the disk, and after a crash of the database the nodes write what they know again.
create unlogged table rate_counts (
  limiter          text not null,
  key              text not null,
  node             text not null,
  -- The second and the minute the counts are of, since the epoch by the database's clock, and the ones before.
  second_index     bigint not null,
  second_current   bigint not null,
  second_previous  bigint not null,
  minute_index     bigint not null,
  minute_current   bigint not null,
  minute_previous  bigint not null,
  -- Changes once a minute only, so that the many updates between leave every index alone.
  expires_at       timestamptz not null,
  primary key (limiter, key, node)
) with (fillfactor = 50);
create index rate_counts_by_expiry on rate_counts (expires_at);
