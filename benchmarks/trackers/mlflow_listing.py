"""Record runs in MLflow's SQLite store, and print in how many seconds of processor time it lists them."""

import json
import sys
import time

import mlflow
from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

request = json.loads(sys.argv[1])
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = MlflowClient()
experiment = client.create_experiment("benchmark", artifact_location="artifacts")
for number in range(request["runs"]):
    run = client.create_run(experiment, run_name=f"lora-r{number}")
    metrics = [Metric(name, 0.5, 0, 0) for name in request["metrics"]]
    client.log_batch(run.info.run_id, metrics=metrics, params=[Param("r", str(number)), Param("seed", "42")])
seconds = []
for _ in range(request["rounds"]):
    start = time.process_time()
    frame = mlflow.search_runs([experiment], max_results=request["runs"])
    seconds.append(time.process_time() - start)
assert len(frame) == request["runs"]
print(min(seconds))
