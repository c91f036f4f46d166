from tasks.training import resumed


def test_work_that_is_found_counts_in_every_part_around_it() -> None:
    resumed.add(1)  # nobody counts
    with resumed.counted() as all_s:
        resumed.add(2)
        with resumed.counted() as trial_s:
            resumed.add(3)
        resumed.add(4)
    assert trial_s == [3]
    assert sorted(all_s) == [2, 3, 4]
