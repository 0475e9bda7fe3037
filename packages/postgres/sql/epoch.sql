-- The epoch of the store.
select epoch
from store_epoch
where id = 1
