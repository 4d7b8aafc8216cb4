"""What the engines beside `trainer bench` share.

They talk with it by one line of JSON, then by the milliseconds of one run for each line they are given.
"""

import json
import sys
import time


def onnxruntime_session(model, threads):
    """The engine's version, and a session on the processor with this many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return f"onnxruntime {onnxruntime.__version__}", session


def serve(version, answers, run):
    print(json.dumps({"version": version, "answers": answers.ravel().tolist()}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter_ns()
        run()
        print((time.perf_counter_ns() - start) / 1e6, flush=True)
