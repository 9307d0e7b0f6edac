"""Explanations of the titles on the screens: of figures, from the registry, and of other terms."""

from core.catalog.figures import FIGURES

TERMS = {
    "F1, points": "The first run's F1 minus the second run's, in percentage points, with the 95% interval.",
    "recall, points": "The first run's recall minus the second run's, in percentage points, with the 95% interval.",
    "precision, points": "The first run's precision minus the second run's, in percentage points, with the 95% "
    "interval.",
    "test share": "The share of the test examples that belong to this class.",
    "F1 interval": "Half the width of the 95% interval of F1 of the best run, in percentage points.",
    "worst class": "The class with the lowest F1.",
    "vs first run": "Macro F1 minus that of the first run, in percentage points, with its 95% interval.",
    "verdict": "Helped or hurt (compared with a baseline), better or worse (between other runs) if the 95% interval of "
    "the difference in macro F1 excludes 0 and p is below .05. Otherwise inconclusive, which does not mean equal.",
    "over seeds": "Compares the two configurations; both seeds and examples are resampled. The sign test "
    "over the seeds alone cannot be significant with few seeds.",
    "margin": "Not significantly different does not mean equal. These are tests of equivalence and of non-inferiority "
    "of the first run within this margin.",
    "accuracy gap": "The first run's accuracy minus the second run's, in percentage points, with the 95% interval. "
    "McNemar's test compares the examples that only one of the two predicted correctly.",
    "difference of confusions": "The number of examples in a cell in the first run minus that in the second. More on "
    "the diagonal is better; more elsewhere is worse.",
    "confusion matrix": "Rows: true labels. Columns: predicted labels. Color: the share of the true label's examples. "
    "Select a cell or a pair to see its examples.",
    "text map": "Each point is a test text: the mean last hidden state of the base model before fine-tuning (without a "
    "base model: TF-IDF), in two dimensions. Near points are similar texts. Drag a box to filter the list, click a "
    "point to open it.",
    "learning curves": "Loss and scores during training: on the training examples, and after each epoch on the "
    "validation examples, which the model does not train on.",
    "flip": "How two runs differ on an example: gained (only this run is correct), lost (only the other run is "
    "correct), both correct or both wrong.",
    "seeds": "The number of runs that differ only in the seed. One seed does not show how much of a result is chance.",
    "SD": "The standard deviation of macro F1 over the runs of the row, in percentage points.",
    "validation curve": "Macro F1 on the validation split after each evaluation, first to last.",
    "range": "The lowest and the highest macro F1 of the runs of the row.",
    "cost": FIGURES["train_seconds"].help + " The Cost tab shows the other costs.",
    "confidence, %": FIGURES["confidence"].help + " The Try it page shows calibrated ones.",
    "loss": "Minus the logarithm of the probability of the true label: high for confident errors.",
    "disagreement, %": "The share of the best other runs on this test set that predict another label.",
    "support for label, %": "How well the label fits the probabilities of several runs; low for suspect labels.",
    "rating SD": "The standard deviation of the ratings of this text.",
    "similarity, %": "Cosine similarity of the TF-IDF weights of word unigrams and bigrams: 100% means equal weights. "
    "It does not compare meanings.",
    "probability, %": "The probability that the run predicts for this label, as trained.",
    "true label": "The label in the data set, and the probability that the run predicts for it.",
    "predicted": "The label that the run predicts: the most probable one.",
    "disagreement": "The share of the best other runs on this test set that predict another label than this one.",
    "length": "The number of words; an ideograph counts as one.",
    "truncated": "Whether the model got only the beginning of the text.",
    "error slices": "Groups of examples with more or fewer errors than the others. p is adjusted for the number of "
    "slices. Columns nearly equal to the label, such as a mean rating, are not informative.",
    "slice": "Examples with something in common: their length, a word, punctuation, a value of another column.",
    "wrong, %": "The share of the slice's examples that the run predicted wrongly, with its 95% interval.",
    "other examples, %": "The share of all other test examples that the run predicted wrongly, with its 95% interval.",
    "difference, points": "The first error rate minus the second, in percentage points, with its 95% interval.",
    "share, %": "The share of the examples with this true label.",
    "suggested label": "The label for which the probabilities of several runs are unusually high, compared with the "
    "examples of that label.",
    "proposed label": "The label that a person suggests instead; it belongs to the text, in all runs. The data set is "
    "not changed: Import / export downloads a cleaned one.",
    "other runs": "The runs to compare with, else the best other runs on this test set.",
    "runs wrong": "How many of the compared runs predicted this example wrongly: ● wrong, ○ correct, in the order of "
    "their selection, this run first.",
    "tags of a text": "Keywords for this text, to find similar ones. They belong to the text, in all runs. A comma "
    "separates two tags.",
    "word importance": "Loads the model and leaves out each word in turn: the more the log-odds of the label fall, "
    "the more the prediction depends on that word.",
    "weight": "How much the log-odds of the label fall when this word is left out. Positive words support the label.",
    "similarity": "The Jaccard similarity of the texts' character 5-grams: 100% means the same text.",
    "default": "The value of the setting if it is not specified and all others are unchanged.",
    "status": "running, complete, failed (with an error), cancelled (by a person) or crashed (no heartbeat).",
    "trials": "Complete: trained to its end. Pruned: ended early, because its validation macro F1 was below that of "
    "other trials. Failed: ended with an error. No trial is evaluated on the test split.",
    "optimization history": "Validation macro F1 of each trial; the line is the best so far.",
    "parameter importance": "The share of the variance of validation macro F1 that a parameter explains (fANOVA), over "
    "the complete trials. Uncertain with few trials.",
    "parameter slice": "Validation macro F1 of each trial against the value of one parameter.",
    "parallel coordinates": "A line per complete trial, through its value of each parameter, from the lowest to the "
    "highest; the best trial is drawn thicker.",
    "winner": "The best trials are trained again with fresh seeds. The one with the highest mean on the validation "
    "split, and the defaults, are evaluated once on the test split; seeds and examples are resampled.",
    "seed": "The random state of the run: the same settings and seed give the same result.",
    "#": "The run id, the same on every screen and on the command line. 13 +2: run 13 and two more runs.",
    "name": "The name of the run. Runs with the same name can differ in settings that are not part of it.",
    "kind": "baseline (no adapter), adapter (the base model is frozen) or full (all weights are trained).",
    "method": "The fine-tuning method or the baseline.",
    "model": "The pretrained base model.",
    "training set": "The training data. Runs with the same test set may differ in it.",
    "started": "When the run started, in UTC.",
    "tags": "Keywords of the run.",
    "note": "The note on this text.",
    "notes": "The notes on the run.",
}
"""Explanations of terms other than figures, by title."""

_FIGURE_TITLES = {figure.title: figure for figure in FIGURES.values()}


def help_for(title: str) -> str | None:
    """Return the explanation of a title; None if it has none."""
    figure = _FIGURE_TITLES.get(title)
    return TERMS.get(title) if figure is None else figure.explanation
