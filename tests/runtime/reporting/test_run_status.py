from runtime.reporting.run_status import RunStatus


def test_the_final_exam_is_no_time_of_learning() -> None:
    status = RunStatus(first_step_at=10.0, learned_before=5.0)
    assert status.learned(30.0) == 25.0
    status.resting_since = 40.0
    assert status.learned(39.0) == 34.0 and status.learned(140.0) == 35.0
