-- Counts a beat, which shows a later restore to an earlier state.
update store_epoch set beats = beats + 1
where id = 1 returning epoch, beats
