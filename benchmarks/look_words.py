"""Words to a look: how often do the studio's words find a look that was accepted for them?

    python -m benchmarks.look_words

`benchmarks/look_phrases_dev.csv` holds the sixty phrases that the words were developed by,
`benchmarks/look_phrases.csv` sixty others, on which nothing was chosen: each with the looks of
`data/samples/styles.csv` accepted for it, by one author, from pictures, names and tags. Looks are
described and encoded as a run and its studio do. A phrase is a hit when an accepted look is the
first, or among the first three, that are named; one that is refused is a miss. Beside it: the words
without the encoder of sentences, names and tags nearest to the phrase by TF-IDF, without words of
under four letters (a look that shares no term is not named), and looks drawn by chance. Intervals
draw phrases again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from features.images import decode
from features.networks.encoders import StyleEncoder
from features.networks.sentences import SentenceEncoder
from features.schema import InputError
from features.tables import validate_styles
from features.titles import TitleEncoder
from pipelines.web.studio.finished_run import describe_looks, title_looks
from recsys.evaluation.bootstrap import mean_interval
from recsys.prototypes.look_words import LookWords, Understood

SAMPLES: Final = Path("data/samples")
PHRASES: Final = {
    "developed by": Path("benchmarks/look_phrases_dev.csv"),
    "held out": Path("benchmarks/look_phrases.csv"),
}
_WORD: Final = re.compile(r"[^\W_]{4,}")


def fit_words(styles: pd.DataFrame, sentences: SentenceEncoder | None) -> LookWords:
    """The studio's words over the looks of a table."""
    pictures = [decode(SAMPLES / path) for path in styles["image_path"]]
    said = describe_looks(styles, styles["style_id"], pictures)
    titles = title_looks(styles, styles["style_id"])
    codes = StyleEncoder().encode(pictures)
    return LookWords(sentences).fit(list(styles["style_id"]), titles, said, codes)


def match_names(styles: pd.DataFrame, texts: list[str], phrases: list[str]) -> list[list[str]]:
    """Up to three looks whose `texts`, names and tags, are likest to each phrase."""
    # Twice, as LookWords does: a term that one look alone has counts.
    encoder = TitleEncoder().fit([*texts, *texts])
    asked = [" ".join(_WORD.findall(phrase)) for phrase in phrases]
    alike = encoder.encode(asked) @ encoder.encode(texts).T
    order = np.argsort(-alike, axis=1, kind="stable")[:, :3]
    ids = styles["style_id"].tolist()
    return [[ids[at] for at in best if row[at] > 0] for row, best in zip(alike, order, strict=True)]


def hits(named: Sequence[list[str]], accepted: Sequence[set[str]]) -> NDArray[np.float64]:
    """Whether an accepted look is the first, and among the first three: 0 or 1, (phrases, 2)."""
    pairs = zip(named, accepted, strict=True)
    return np.array([[bool(a & set(n[:1])), bool(a & set(n[:3]))] for n, a in pairs], np.float64)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))


def _cell(values: NDArray[np.float64]) -> str:
    low, high = mean_interval(values, draws=10_000, seed=0)
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    """Print the totals, the phrases refused and those whose first look is not accepted."""
    styles = validate_styles(pd.read_csv(SAMPLES / "styles.csv", dtype="str"))[0]
    print(describe("scikit-learn", "torch"))
    kinds = {"words": fit_words(styles, SentenceEncoder()), "words alone": fit_words(styles, None)}
    for role, path in PHRASES.items():
        judge(role, pd.read_csv(path, dtype="str"), styles, kinds)


def judge(
    role: str, table: pd.DataFrame, styles: pd.DataFrame, kinds: dict[str, LookWords]
) -> None:
    """Print how the looks named for the phrases of a table agree with those accepted."""
    phrases = table["phrase"].tolist()
    accepted = [set(ids.split(";")) for ids in table["accepted"]]
    found, answers = {}, {}
    for who, words in kinds.items():
        answers[who] = [_understand(words, phrase) for phrase in phrases]
        named = [[style for style, _ in one.nearest] if one else [] for one in answers[who]]
        found[who] = hits(named, accepted)
    texts = [
        title.casefold().replace("-", " ") for title in title_looks(styles, styles["style_id"])
    ]
    found["names matched"] = hits(match_names(styles, texts, phrases), accepted)
    n, sizes = len(styles), [len(looks) for looks in accepted]
    chance = np.array([[k / n, 1 - comb(n - k, 3) / comb(n, 3)] for k in sizes])
    own = dict(zip(styles["style_id"], map(_words, texts), strict=True))
    pairs = list(zip(map(_words, phrases), accepted, strict=True))
    told = np.array([any(said & own[look] for look in looks) for said, looks in pairs])
    every = np.ones(len(phrases), bool)
    parts = {"all": every}
    parts |= {
        f"understood by {who}": np.array([a is not None for a in answers[who]]) for who in kinds
    }
    parts |= {"with a word of an accepted name or tag": told, "without one": ~told}
    print(f"\n{role}\n\n| phrases | looks by | top-1 | top-3 |\n|---|---|---|---|")
    for part, rows in parts.items():
        start = f"| {part}, {rows.sum()} |"
        for who, hit in found.items():
            print(start, who, "|", _cell(hit[rows, 0]), "|", _cell(hit[rows, 1]), "|")
        print(start, "chance | {:.3f} | {:.3f} |".format(*chance[rows].mean(axis=0)))
    for other in ("words alone", "names matched"):
        gain = found["words"] - found[other]
        print(f"\nwords above {other}: top-1 {_cell(gain[:, 0])}, top-3 {_cell(gain[:, 1])}")
    refused = [phrase for phrase, one in zip(phrases, answers["words"], strict=True) if not one]
    print("\nrefused:", ", ".join(refused) or "none")
    print("\n| phrase | accepted | named | told nothing by itself |\n|---|---|---|---|")
    for phrase, looks, one in zip(phrases, accepted, answers["words"], strict=True):
        given = [style for style, _ in one.nearest] if one else []
        if one and not looks & set(given):
            right, idle = ", ".join(sorted(looks)), ", ".join(one.unknown)
            print(f"| {phrase} | {right} | {', '.join(given)} | {idle} |")


def _understand(words: LookWords, phrase: str) -> Understood | None:
    try:
        return words.understand(phrase)
    except InputError:
        return None


if __name__ == "__main__":
    main()
