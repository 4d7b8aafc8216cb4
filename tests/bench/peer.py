"""How an engine talks with `trainer bench`: one line of JSON, then the milliseconds of one run for each line it is given."""

import json
import sys
import time


def serve(version, answers, run):
    print(json.dumps({"version": version, "answers": answers.ravel().tolist()}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter_ns()
        run()
        print((time.perf_counter_ns() - start) / 1e6, flush=True)
