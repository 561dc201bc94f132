"""Answers requests from standard input: one line of JSON each, until the input ends.

    python worker.py MODULE

Calls ``answer(**request)`` of MODULE. Output that it or a library prints goes to
standard error, so that standard output has answers only.
"""

import importlib
import json
import os
import sys
import time
import traceback
import warnings


def main():
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Fits of a few epochs are intended; their ConvergenceWarning is noise.
    warnings.simplefilter("ignore")
    module = importlib.import_module(sys.argv[1])
    idle_since, cpu = time.perf_counter(), time.process_time()
    for line in sys.stdin:
        # Processor time that this process used while others were measured.
        idle = time.perf_counter() - idle_since
        idle_cpu = time.process_time() - cpu
        try:
            reply = module.answer(**json.loads(line))
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        reply["idle_cpu"] = idle_cpu / idle
        pipe.write(json.dumps(reply) + "\n")
        pipe.flush()
        idle_since, cpu = time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main()
