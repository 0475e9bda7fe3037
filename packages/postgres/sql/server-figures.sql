-- Version and connections of the server.
select
  current_setting('server_version') as version,
  (select count(*)::integer from pg_stat_activity where backend_type = 'client backend') as connections,
  current_setting('max_connections')::integer as "maxConnections"
