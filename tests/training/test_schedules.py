import keras
import numpy as np
import pytest

from keras_vit.training import WarmupSchedule


def rates(steps, **arguments):
    schedule = WarmupSchedule(0.1, **arguments)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert [float(again(step)) for step in steps] == [float(schedule(step)) for step in steps]
    return [float(schedule(step)) for step in steps]


@pytest.mark.parametrize(
    "decay, expected",
    [
        ("cosine", 0.05 * (1 + np.cos(np.pi * np.arange(7) / 6))),
        ("linear", 0.1 * (1 - np.arange(7) / 6)),
        ("polynomial", 0.1 * (1 - np.arange(7) / 6) ** 0.9),
        ("constant", np.full(7, 0.1)),
    ],
)
def test_the_rate_warms_up_linearly_and_decays(decay, expected):
    actual = rates(range(11), total_steps=10, warmup_steps=4, decay=decay)
    np.testing.assert_allclose(actual[:4], [0, 0.025, 0.05, 0.075], atol=1e-7)
    np.testing.assert_allclose(actual[4:], expected, atol=1e-7)


def test_the_root_of_the_steps_halves_the_rate_in_thirty_thousand():
    actual = rates([100, 30_100], total_steps=100_000, warmup_steps=100, decay="rsqrt")
    np.testing.assert_allclose(actual, [0.1, 0.05], rtol=1e-6)


def test_a_cooldown_leads_any_rate_to_zero():
    steps = dict(total_steps=10, cooldown_steps=4)
    actual = rates([5, 6, 7, 8, 9, 10, 11], decay="constant", **steps)
    np.testing.assert_allclose(actual, [0.1, 0.1, 0.075, 0.05, 0.025, 0, 0], atol=1e-7)


def test_nothing_happens_after_the_end():
    assert rates([10, 12], total_steps=10, decay="linear") == [0, 0]


@pytest.mark.parametrize("rate", [0, -1.0, float("nan")])
def test_a_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(ValueError, match=f"must be positive: received learning_rate={rate}"):
        WarmupSchedule(rate, total_steps=10)


@pytest.mark.parametrize("warmup_steps", [-1, 10])
def test_a_warm_up_as_long_as_the_training_is_refused(warmup_steps):
    with pytest.raises(ValueError, match=f"warmup_steps={warmup_steps}, total_steps=10"):
        WarmupSchedule(0.1, total_steps=10, warmup_steps=warmup_steps)


@pytest.mark.parametrize("cooldown_steps", [-1, 8])
def test_a_cooldown_that_does_not_fit_is_refused(cooldown_steps):
    with pytest.raises(ValueError, match=f"cooldown_steps={cooldown_steps}, warmup_steps=3"):
        WarmupSchedule(0.1, total_steps=10, warmup_steps=3, cooldown_steps=cooldown_steps)


def test_an_unknown_decay_is_refused():
    with pytest.raises(ValueError, match="received 'step'"):
        WarmupSchedule(0.1, total_steps=10, decay="step")


def test_a_delay_shifts_everything():
    arguments = dict(warmup_steps=4, cooldown_steps=3)
    plain = WarmupSchedule(2.0, total_steps=20, **arguments)
    later = WarmupSchedule(2.0, total_steps=25, delay_steps=5, **arguments)
    assert [float(later(step)) for step in range(5)] == [0] * 5
    for step in range(20):
        assert float(later(step + 5)) == float(plain(step))
    with pytest.raises(ValueError, match="received delay_steps=9, total_steps=9"):
        WarmupSchedule(1.0, total_steps=9, delay_steps=9)
    with pytest.raises(ValueError, match="received warmup_steps=4, total_steps=4"):
        WarmupSchedule(1.0, total_steps=9, delay_steps=5, warmup_steps=4)
