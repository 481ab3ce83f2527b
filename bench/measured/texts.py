"""Texts in several scripts through TF-IDF and a linear classifier, exported, loaded and asked in the C locale.

    python -m skerry.bench.measured.texts [--markdown FILE]

Made sentences of words in seven scripts; half are exported with, the other half, and the same in upper case,
reversed and mixed, are asked about. The work runs in a process with LC_ALL=C and without UTF-8 mode.
"""

from __future__ import annotations

import locale
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skerry.bench.measured.page import keep_page, page_options
from skerry.export import export
from skerry.runtime import load

C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
SENTENCES, LONGEST, TOLERANCE = 600, 9, 1e-5
WORDS = {
    "Latin": "naïve façade Ærø Łódź straße ẞ İstanbul ıspanak coöperate résumé Žižek señor Đorđe",
    "Cyrillic": "быстрый ночь Ёлка подъезд їжак Љубав йод съёмка Қазақ",
    "Greek": "καλημέρα ΟΔΟΣ Ὀδυσσεύς σίγμα τέλος φως Ψυχή",
    "Devanagari": "नमस्ते दुनिया हिन्दी किताब क्षेत्र ज्ञान",
    "Japanese": "日本語 テキスト ひらがな ｶﾀｶﾅ 東京 １２３ がぎぐ",
    "Arabic and Hebrew": "مرحبا العالم كتاب שלום ספר",
    "emoji and digits": "😀😀 👩‍🚀 🇳🇴 42 x1 a 3.14 good fun!",
}
ANALYZERS: dict[str, dict[str, Any]] = {
    "words": {},
    "one and two words": {"ngram_range": (1, 2), "sublinear_tf": True, "min_df": 2},
    "words, accents stripped": {"strip_accents": "unicode", "stop_words": ["good", "наш"]},
    "characters in words": {"analyzer": "char_wb", "ngram_range": (1, 3), "max_features": 3000},
    "characters, case kept": {"analyzer": "char", "ngram_range": (2, 3), "lowercase": False, "norm": "l1"},
}


def sentences(random: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Sentences of mostly one script each, some words of any; and which script."""
    scripts = [words.split() for words in WORDS.values()]
    every = [word for words in scripts for word in words]
    labels = random.integers(len(scripts), size=SENTENCES)
    drawn = [
        [
            str(random.choice(scripts[label] if random.random() < 0.7 else every))
            for _ in range(random.integers(1, LONGEST))
        ]
        for label in labels
    ]
    return [" ".join(words) for words in drawn], labels


def lines(folder: str) -> Iterator[tuple[str, bool]]:
    """A line of the table for each analyzer and classifier, and whether it is as it must be."""
    texts, labels = sentences(np.random.default_rng(0))
    half = len(texts) // 2
    asked = texts[half:] + [changed for text in texts[half:] for changed in (text.upper(), text[::-1], text + " ﬁn ŉ")]
    asked += ["", " ", "\t\n", "unseen"]
    for name, settings in ANALYZERS.items():
        for classifier in (LinearSVC(), LogisticRegression()):
            pipeline = make_pipeline(TfidfVectorizer(**settings), classifier).fit(texts[:half], labels[:half])
            model = load(export(pipeline, texts[:half], name="texts", to=folder))
            wrong = int((model.predict(asked) != pipeline.predict(asked)).sum())
            error = float(np.abs(model.decision_function(asked) - pipeline.decision_function(asked)).max())
            terms = len(pipeline[0].vocabulary_)
            line = f"| {name} | {type(classifier).__name__} | {terms:,} | {len(asked):,} | {wrong} | {error:.1e} |"
            yield line, not wrong and error <= TOLERANCE


def main() -> None:
    arguments = page_options(__doc__).parse_args()
    if locale.setlocale(locale.LC_ALL) != "C" or sys.flags.utf8_mode:
        command = [sys.executable, "-m", "skerry.bench.measured.texts", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env={**os.environ, **C_LOCALE}, check=False).returncode)
    found = [
        "| terms are | classifier | terms | texts asked | labels that differ | largest score error |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for line, is_right in lines(folder):
            print(line, flush=True)
            found.append(line)
            failed |= not is_right
    keep_page(TITLE + "\n".join(found) + "\n", arguments.markdown)
    sys.exit(failed)


TITLE = f"""# Texts

Sentences in seven scripts ({", ".join(WORDS)}) through TfidfVectorizer and a linear classifier: exported, loaded and
asked with `LC_ALL=C`, on sentences the export has not seen, also in upper case, reversed and with ligatures. Made by
`python -m skerry.bench.measured.texts --markdown docs/measured/texts.md`.

"""

if __name__ == "__main__":
    main()
