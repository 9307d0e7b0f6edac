"""Fine-tune tiny models on a few bundled sentences."""

from core.config import make_config
from core.data import load_data
from core.runs.progress import Progress
from core.training.fine_tuning import fine_tune
from tests.small_runs import job_for

SIZES = {"train_size": 48, "validation_size": 16, "test_size": 16, "max_length": 24, "epochs": 2, "batch_size": 16}


def tune(model, **values):
    """Fine-tune a model; return the config, the data and the fitted classifier."""
    config = make_config({"model": str(model), "dtype": "float32", **SIZES, **values})
    data = load_data(config)
    return config, data, fine_tune(job_for(config, data), Progress())


def save(fitted, folder):
    """Save a fitted classifier into a folder, and return the folder."""
    folder.mkdir(exist_ok=True)
    fitted.classifier.save(folder)
    return folder
