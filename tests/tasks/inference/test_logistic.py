import numpy as np
import pytest

from tasks.inference import logistic

RANDOM = np.random.default_rng(0)


def photos(count: int = 60, length: int = 5, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors around one axis for each class, each feature in another unit, and the class numbers."""
    targets = np.arange(count) % classes
    vectors = np.eye(length)[targets] + RANDOM.normal(0, 0.4, (count, length))
    return (vectors * [1, 10, 0.1, 5, 2][:length] + 3).astype(np.float32), targets


def reference(vectors: np.ndarray, targets: np.ndarray, inverse: float, weights=None) -> np.ndarray:
    """Compute the probabilities of scikit-learn's logistic regression on the same standardised features."""
    from sklearn.linear_model import LogisticRegression

    scaling = logistic.Scaling.of(vectors)
    model = LogisticRegression(C=inverse, max_iter=10000, tol=1e-10)
    x = scaling(vectors).astype(np.float64)
    return model.fit(x, targets, None if weights is None else weights * len(x) / weights.sum()).predict_proba(x)


def probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("inverse", [1.0, 30.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_minimum_is_that_of_scikit_learn(inverse: float, weighted: bool) -> None:
    vectors, targets = photos()
    weights = np.where(targets == 1, 3.0, 1.0) if weighted else None
    [(found, linear)] = logistic.fit_path(vectors, targets, 3, weights=weights, path=(inverse,))
    assert found == inverse
    expected = reference(vectors, targets, inverse, weights)
    np.testing.assert_allclose(probabilities(linear(vectors)), expected, atol=0.01)


def test_each_step_of_the_path_is_as_if_it_were_fitted_alone() -> None:
    vectors, targets = photos()
    for inverse, linear in logistic.fit_path(vectors, targets, 3):
        [(_, alone)] = logistic.fit_path(vectors, targets, 3, path=(inverse,))
        np.testing.assert_allclose(probabilities(linear(vectors)), probabilities(alone(vectors)), atol=0.02)


def test_weaker_regularisation_fits_the_photos_better() -> None:
    vectors, targets = photos()
    losses = [
        logistic.log_losses(linear(vectors), targets).mean() for _, linear in logistic.fit_path(vectors, targets, 3)
    ]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("length", [200, 4], ids=["more features than photos", "fewer"])
def test_constant_features_and_more_features_than_photos_give_finite_weights(length: int) -> None:
    vectors = RANDOM.normal(0, 1, (12, length)).astype(np.float32)
    vectors[:, 0] = 7
    targets = np.arange(12) % 2
    for _, linear in logistic.fit_path(vectors, targets, 2):
        assert np.isfinite(linear.kernel).all()
        assert np.isfinite(linear.bias).all()
        assert linear.kernel.dtype == linear.bias.dtype == np.float32
    assert length == 4 or (linear(vectors).argmax(axis=1) == targets).all()


def test_classes_of_equal_vectors_get_their_shares() -> None:
    vectors, targets = np.ones((10, 3), np.float32), np.array([0] * 8 + [1] * 2)
    *_, (_, linear) = logistic.fit_path(vectors, targets, 2)
    np.testing.assert_allclose(probabilities(linear(vectors))[0], [0.8, 0.2], atol=0.01)


def test_a_class_without_photos_is_never_the_answer() -> None:
    vectors, targets = photos(classes=2)
    *_, (_, linear) = logistic.fit_path(vectors, targets, 3)
    assert not (linear(vectors).argmax(axis=1) == 2).any()


def test_log_losses_and_subtraction() -> None:
    logits = np.log(np.array([[0.5, 0.5], [0.9, 0.1]]))
    np.testing.assert_allclose(logistic.log_losses(logits, np.array([0, 1])), -np.log([0.5, 0.1]))
    linear = logistic.Linear(np.eye(2, dtype=np.float32), np.array([1, 2], np.float32))
    np.testing.assert_array_equal(linear.minus(np.array([1, 0]))(np.zeros((1, 2))), [[0, 2]])
