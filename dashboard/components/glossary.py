"""What each number on the screens means: a help line a term, under the words that stand over it."""

TERMS = {
    "macro F1": "The mean of the classes' F1 scores: each class counts alike, however rare. Accuracy hides a rare "
    "class that is never found; macro F1 does not. The brackets hold the 95 % interval: another test set as large "
    "would most likely give a figure within it.",
    "accuracy": "The share of test examples that it got right, with its 95 % interval. Where one class is common it is "
    "high for a run that names nothing else.",
    "F1": "The balance of precision and recall (their harmonic mean): high only where both are.",
    "F1, points": "The first run's F1 minus the second's, in percentage points, with the 95 % interval.",
    "recall, points": "The first run's recall (the share of the class that it found) minus the second's, in points.",
    "precision, points": "The first run's precision (the share that was right when it named the class) minus the "
    "second's, in points.",
    "precision": "Of the examples that the run gave this class, the share that truly has it.",
    "recall": "Of the examples that truly have this class, the share that the run found.",
    "worst class": "The class with the lowest F1: where the run is weakest.",
    "worst class F1": "The lowest F1 of the classes, with its 95 % interval.",
    "balanced accuracy": "The mean of the classes' recall: accuracy as if all classes were equally common.",
    "Matthews correlation": "How far the predictions go with the true labels: 1 perfect, 0 chance, −1 always opposite.",
    "log loss": "How surprised the probabilities are by the true labels; lower is better. Guessing evenly between two "
    "classes gives 0.693.",
    "Brier score": "The mean squared distance of the probabilities from the truth; 0 is perfect, lower is better.",
    "ECE, %": "How far, on average, confidence lies from the share right. Even a perfectly calibrated run does not "
    "show 0 on few examples, so its range stands beside it.",
    "vs best baseline": "Macro F1 minus that of the best baseline on the same test set, in points, with its 95 % "
    "interval. An adapter that does not beat its baselines was not worth training.",
    "against the first": "Macro F1 minus that of the first run, in points, with its 95 % interval.",
    "verdict": "helped or hurt where the 95 % interval of the difference in macro F1 lies on one side of 0 and p is "
    "below .05; else no evidence either way, which does not mean that the two are equal.",
    "over seeds": "The same for the two configurations: examples and seeds are drawn again together. Over seeds alone "
    "a sign test is made, which a few seeds cannot make small.",
    "margin": "Not to be told apart is not the same as alike. This asks the other question: is it shown that the first "
    "run is not worse by more than this margin?",
    "accuracy gap": "The first run's accuracy minus the second's, in percentage points, with the 95 % interval. "
    "McNemar's test looks at the examples that only one of the two got right.",
    "difference of confusions": "How many more examples stand in a cell in the first run than in the second. More on "
    "the diagonal is better, more elsewhere is worse.",
    "learning curves": "How a run did after each epoch of its training, on examples that it did not learn from "
    "(validation) or on those that it did (training).",
    "p (Holm)": "How often chance alone would show a difference this large, adjusted for the number of comparisons "
    "(Holm). Below .05 is called evidence.",
    "fixed": "Test examples that the second run got wrong and the first right.",
    "broken": "Test examples that the second run got right and the first wrong.",
    "flip": "How two runs judge an example differently: fixed (wrong in the other run, right in this one) or broken "
    "(the reverse); else both right or both wrong.",
    "test examples": "How many examples of the test set have this label. Fewer than 10 are too few to tell.",
    "seeds": "How many runs differ in the seed alone. With one seed nobody knows how much is luck.",
    "range": "The lowest and the highest of the seeds.",
    "training": "How long the training took.",
    "trained weights": "How many weights were trained, and their share of all weights of the model.",
    "size": "What the run left on disk: the adapter, or a baseline's small model.",
    "base in memory": "What the base model's weights take: a base in 8 or 4 bits takes less.",
    "peak memory": "The most memory that the run's process held.",
    "cost": "How long the training took. What else it cost stands further down.",
    "confidence, %": "The probability that the run gave to the label that it named, as trained (the page Try it "
    "shows calibrated ones).",
    "loss": "How surprised the run was by the true label: minus the logarithm of the probability it gave it.",
    "disagreement, %": "The share of the other best runs on this test set that name another label.",
    "quality of the label, %": "How well the label fits what the run's probabilities say; low where it is in doubt.",
    "deviation of the raters": "How far apart the people were who rated this text (standard deviation).",
    "similarity, %": "How much of their words the two texts share, weighted by how rare the words are: 100 % is the "
    "same words. It says nothing of their meaning.",
    "probability, %": "The probability that the run gives this label, as trained.",
    "true label": "The label that the data have, and the probability that the run gave it.",
    "predicted": "The label that the run named: the likeliest one.",
    "disagreement": "The share of the best other runs on this test set that name another label than this one.",
    "length": "The number of words; an ideograph counts as one.",
    "the model read": "Whether the text was longer than what the model reads of a text.",
    "slice": "Examples with something in common: how long they are, a word, a sign, a value of another column.",
    "wrong, %": "The share of the slice's examples that the run got wrong, with its 95 % interval.",
    "elsewhere, %": "The share of all other test examples that the run got wrong, with its 95 % interval.",
    "difference, points": "The first share less the second, in percentage points, with its 95 % interval.",
    "share, %": "The share of the examples with this true label.",
    "suggested label": "The label that the run is surer of than it usually is of that label's own examples.",
    "proposed label": "What a person would call it instead; the data stay as they are.",
    "tag": "A word that a person put on this text, to find its like again. It belongs to the text, whatever the run.",
    "weight": "How much the log-odds of the label fall when this word is left out: above 0 it speaks for the label.",
    "similarity": "How much of their words two texts share: 100 % is the same text.",
    "examples a second": "How many training examples it learnt from in a second.",
    "evaluation": "How long it took to predict the whole test set.",
    "time a text": "How long one test text took on average, many at a time; one on its own takes longer.",
    "default": "What the setting would have been had nobody given it, all others as they are.",
    "labels changed": "How many test examples got another label when the test set was predicted again.",
    "a probability moved by at most": "The largest change of any probability when the test set was predicted again.",
    "status": "running, complete, failed (with an error), cancelled (by a person) or crashed (it fell silent).",
    "seed": "The number that sets all chance in a run: the same seed gives the same run.",
    "#": "The run's number, the same on every screen and on the command line. «13 +2»: run 13 and two more seeds.",
    "name": "The name it was given; «×3» stands for three runs that differ in the seed alone.",
    "kind": "baseline (no adapter), adapter (few weights trained beside a frozen model) or full (all weights).",
    "method": "How it was trained.",
    "speed": "How many examples a second the training took in.",
    "model": "The pretrained model beneath.",
    "training set": "The data it learnt from; runs that share a test set may differ in it.",
    "started": "When the run began, in UTC.",
    "tags": "Words that people put on it, to find it again.",
    "note": "What people wrote down about it.",
}
"""By the title of a column or a figure."""


def help_for(title: str) -> str | None:
    """Return what a figure means; None where its title needs no words."""
    return TERMS.get(title)
