"""Record runs in Trackio, and print in how many seconds of processor time it lists them with their metrics."""

import json
import sys
import time

from trackio import Api
from trackio.sqlite_storage import SQLiteStorage

PROJECT = "benchmark"

request = json.loads(sys.argv[1])
for number in range(request["runs"]):
    metrics = dict.fromkeys(request["metrics"], 0.5)
    name = f"lora-r{number}"
    SQLiteStorage.bulk_log(PROJECT, name, [metrics], config={"r": number, "seed": 42}, run_id=str(number))
seconds = []
for _ in range(request["rounds"]):
    start = time.process_time()
    runs = [{"run": run.name, "run_id": run.id} for run in Api().runs(PROJECT)]
    listed = SQLiteStorage.get_logs_batch(PROJECT, runs)  # what its dashboard reads
    seconds.append(time.process_time() - start)
assert sum(len(run["logs"]) for run in listed) == request["runs"]
print(min(seconds))
