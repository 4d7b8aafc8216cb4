"""The work of bench_scoring in pandas and scikit-learn: read two files, join by id, score. Prints its own processor time.

    python3 score_pandas.py truth.csv predictions.csv
"""

import sys
import time

try:
    import numpy as np
    import pandas as pd
    from sklearn.metrics import mean_absolute_error, mean_squared_error, median_absolute_error
except ImportError as error:
    sys.exit(f"{error}; install them with: pip install pandas scikit-learn")


def main(truth_path, predictions_path):
    started = time.process_time()
    truth = pd.read_csv(truth_path, dtype={"id": str})
    predictions = pd.read_csv(predictions_path, dtype={"id": str})
    read = time.process_time()
    if truth.id.duplicated().any() or predictions.id.duplicated().any():
        sys.exit("an id is there twice")
    joined = truth.merge(predictions, on="id", how="outer", suffixes=("", "_predicted"), indicator=True)
    if (joined._merge != "both").any() or not joined.age_predicted.between(0, 120).all():
        sys.exit("ids or ages are wrong")
    errors = (joined.age - joined.age_predicted).abs()
    by_age = errors.groupby(np.floor(joined.age + 0.5).astype(int)).agg(["mean", "size"])
    band = np.digitize(by_age.index, [18, 66])
    mae = mean_absolute_error(joined.age, joined.age_predicted)
    group_mae = errors.groupby(((joined.age.clip(1, 71) - 1) // 10).astype(int)).mean()
    scores = {
        "cmae": by_age["mean"].mean(),
        "bands": by_age["mean"].groupby(band).mean(),
        "rmse": mean_squared_error(joined.age, joined.age_predicted) ** 0.5,
        "median": median_absolute_error(joined.age, joined.age_predicted),
        "bias": (joined.age_predicted - joined.age).mean(),
        "cs": [(errors <= t).mean() for t in range(1, 11)],
        "aar": max(0, 7 - mae) + max(0, 3 - ((group_mae - mae) ** 2).mean() ** 0.5),
    }
    done = time.process_time()
    print(
        f"together {(done - started) * 1000:.1f} ms: reading {(read - started) * 1000:.1f} ms, "
        f"join and score {(done - read) * 1000:.1f} ms; MAE {mae:.9f}, CMAE {scores['cmae']:.9f}"
    )


main(*sys.argv[1:])
