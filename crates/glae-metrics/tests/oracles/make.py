"""Makes values.json beside this file: scores of a seeded data set, computed by outside libraries.

    pip install numpy scipy scikit-learn imbalanced-learn
    python3 make.py

The data set itself is not stored: the test draws the same numbers with the same generator (splitmix64, below), and
checks the sums written here first. MAE, RMSE, median and NLL come from scikit-learn, the geometric mean from SciPy, and
CMAE twice: from imbalanced-learn, which takes whole predictions only ("whole"), and from scikit-learn's MAE with each
sample weighted by one over the number of samples of its age. Nothing is computed here that one of them offers.
"""

import json
import pathlib

import imblearn
import numpy as np
import scipy
import scipy.stats
import sklearn
from imblearn.metrics import macro_averaged_mean_absolute_error
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error, median_absolute_error

SAMPLES = 3000
SEED = 41


def splitmix64(seed):
    """Uniform doubles in [0, 1) with 53 random bits."""
    mask = (1 << 64) - 1
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield ((z ^ (z >> 31)) >> 11) / (1 << 53)


def data():
    """Ages crowded around 35 with a long tail up to 100, predictions drawn towards the crowd, and the other columns."""
    u = splitmix64(SEED)
    ages, predictions, sigmas, training = [], [], [], []
    for _ in range(SAMPLES):
        tail = next(u) < 0.1
        age = int(next(u) * 101) if tail else int((next(u) + next(u) + next(u)) * 25)
        error = (next(u) - 0.5) * 12 + (35 - age) * 0.1
        ages.append(age)
        predictions.append(min(max(age + error, 0.0), 120.0))
        sigmas.append(1 + 4 * next(u))
    training = [int(next(u) * 160) for _ in range(101)]
    distributions = np.array([[next(u) + 0.001 for _ in range(101)] for _ in range(200)], dtype=np.float64)
    return np.array(ages), np.array(predictions), np.array(sigmas), np.array(training), distributions


def values():
    ages, predictions, sigmas, training, distributions = data()
    errors = np.abs(ages - predictions)
    bands = {"young": ages <= 17, "middle": (ages >= 18) & (ages <= 65), "old": ages >= 66}
    counts = training[ages]
    shots = {"many": counts > 100, "medium": (counts >= 20) & (counts <= 100), "few": counts < 20}

    weights = 1 / np.bincount(ages)[ages]
    whole = np.floor(predictions + 0.5).astype(int)

    def both(rows):
        return {
            "mae": mean_absolute_error(ages[rows], predictions[rows]),
            "cmae": mean_absolute_error(ages[rows], predictions[rows], sample_weight=weights[rows]),
        }

    distributions = distributions / distributions.sum(axis=1, keepdims=True)
    return {
        "libraries": {m.__name__: m.__version__ for m in (np, scipy, sklearn, imblearn)},
        "sum_of_ages": int(ages.sum()),
        "sum_of_predictions": float(predictions.sum()),
        "all": both(slice(None)),
        "whole": {
            "mae": mean_absolute_error(ages, whole),
            "cmae": macro_averaged_mean_absolute_error(ages, whole),
        },
        "rmse": float(np.sqrt(mean_squared_error(ages, predictions))),
        "median": median_absolute_error(ages, predictions),
        "bias": float(np.mean(predictions - ages)),
        "geometric_mean": float(scipy.stats.gmean(errors)),
        "cs": [float(np.mean(errors <= t)) for t in range(1, 11)],
        "epsilon": float(1 - np.mean(np.exp(-((predictions - ages) ** 2) / (2 * sigmas**2)))),
        "bands": {name: both(rows) for name, rows in bands.items()},
        "shots": {name: both(rows) for name, rows in shots.items()},
        "nll": log_loss(ages[:200], distributions, labels=range(101)),
    }


if __name__ == "__main__":
    path = pathlib.Path(__file__).with_name("values.json")
    path.write_text(json.dumps(values(), indent=1) + "\n")
