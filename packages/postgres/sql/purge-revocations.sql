-- Deletes the revocations that have ended.
delete from token_revocations
where changed_at < now() and changed_at + make_interval(secs => (kept_ms + 3600000) / 1000.0) < now()
