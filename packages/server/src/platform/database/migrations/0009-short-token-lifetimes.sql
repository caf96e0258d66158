-- Ten seconds, so that a client library can be tried through many renewals in a short time.
alter table clients drop constraint clients_access_token_lifetime_seconds_check;
alter table clients add constraint clients_access_token_lifetime_seconds_check
  check (access_token_lifetime_seconds between 10 and 86400);
