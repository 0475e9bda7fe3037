-- Replaces the epoch of the store, unless it has been replaced already.
update store_epoch set epoch = gen_random_uuid(), renewed_at = now()
where id = 1 and epoch = $1::uuid
