"""The synthesizer's view of the corpus: texts, their mels and the voices that read them, in batches."""

import logging
from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peewee_model.errors import ConfigError
from peewee_model.text.symbols.tokenizer import Tokenizer
from pipeline import tables
from pipeline.training.loop.ragged import Ragged

log = logging.getLogger(__name__)


class SynthesizerBatch(NamedTuple):
    """A padded batch on one device; a tuple, so that Fabric can move it."""

    tokens: Tensor  # (B, L)
    token_lengths: Tensor  # (B,)
    mel: Tensor  # (B, M, T)
    mel_lengths: Tensor  # (B,)
    speaker_embedding: Tensor  # (B, E)
    wrong_voice: Tensor  # the embedding of another person; the item's own where there is nobody else. (B, E)

    def part(self, rows: Tensor) -> "SynthesizerBatch":
        """Return some of the items, with as little padding as possible. `rows` are int64. (n,)"""
        tokens, token_lengths, mel, mel_lengths, *voices = (value[rows] for value in self)
        n_tokens, n_frames = int(token_lengths.max()), int(mel_lengths.max())
        return SynthesizerBatch(tokens[:, :n_tokens], token_lengths, mel[..., :n_frames], mel_lengths, *voices)


class SpokenTexts:
    """A split's tokens, acoustic mels and utterance embeddings, on disk, row by row of one utterance each.

    The three tables are written shard by shard in the same order, so that they are read side by side, in one pass.
    Memory holds the lengths, offsets and speaker number of each utterance, but not its data. If several processes train
    together, each has its own scratch file of the whole split.
    """

    def __init__(
        self,
        corpus: Path,
        mels: Path,
        embeddings: Path,
        split: str,
        tokenizer: Tokenizer,
        n_mels: int,
        corpora: Collection[str] = (),
    ) -> None:
        """Stream a split's utterances that have a text to disk, of the named corpora, or of all if none is named.

        Raises:
            ConfigError: If there is no corpus of a name.
            TableError: If the tables are not of the same utterances in the same order.
        """
        self.tokens = Ragged((), np.int16, 1)
        self.embeddings = Ragged((), np.float32, _embedding_dim(embeddings))
        speakers = array("q")
        number_of: dict[str, int] = {}
        there: set[str] = set()
        without_text: Counter[str] = Counter()

        def frames() -> Iterator[NDArray[np.float32]]:
            for text, mel, voice in _side_by_side(corpus, mels, embeddings):
                if text["normalized_text"] == "":
                    without_text[text["corpus"]] += 1
                    continue
                there.add(text["corpus"])
                if mel["split"] == split and (not corpora or text["corpus"] in corpora):
                    speakers.append(number_of.setdefault(mel["speaker_id"], len(number_of)))
                    self.tokens.append(np.array(tokenizer.encode(text["normalized_text"]), dtype=np.int16)[:, None])
                    self.embeddings.append(voice["embedding"][None])
                    yield tables.shaped_mel(mel["mel"], n_mels).T

        self.mels = Ragged(frames(), np.float32, n_mels)
        for name, n in sorted(without_text.items()):
            log.info("corpus=%s skipped=%d: utterances without text are for the encoder", name, n)
        if absent := set(corpora) - there:
            raise ConfigError(
                f"synthesizer.training.corpora names {', '.join(sorted(absent))}, but {corpus} holds texts of "
                f"{', '.join(sorted(there))}; name corpora of these"
            )
        self._speakers = np.array(speakers, dtype=np.int64)
        order = np.argsort(self._speakers, kind="stable")
        self._utterances_of = np.split(order, np.cumsum(np.bincount(self._speakers))[:-1])

    def __len__(self) -> int:
        return len(self.mels)

    def batch(self, rows: NDArray[np.int64], random: np.random.Generator) -> SynthesizerBatch:
        """Pad utterances into a batch, each with the embedding of ANOTHER utterance of its speaker.

        And with one of another person, by which a judge learns who speaks.

        The embedding of the target itself would contain how that sentence was spoken. A speaker with a single utterance
        has no other one, so its own embedding is used.
        """
        token_lengths, mel_lengths = self.tokens.lengths[rows], self.mels.lengths[rows]
        tokens = np.zeros((len(rows), int(token_lengths.max())), dtype=np.int64)
        mel = np.zeros((len(rows), int(mel_lengths.max()), self.mels.width), dtype=np.float32)
        voices, wrong = (np.empty((len(rows), 1, self.embeddings.width), dtype=np.float32) for _ in range(2))
        for item, row in enumerate(rows.tolist()):
            tokens[item, : token_lengths[item]] = self.tokens[row][:, 0]
            self.mels.read_into(row, mel[item, : mel_lengths[item]])
            own = self._utterances_of[self._speakers[row]]
            others = own[own != row]
            self.embeddings.read_into(random.choice(others) if len(others) else row, voices[item])
            self.embeddings.read_into(self._of_another_person(row, random), wrong[item])
        return SynthesizerBatch(
            torch.from_numpy(tokens),
            torch.from_numpy(token_lengths),
            torch.from_numpy(mel).transpose(1, 2),  # frame-major as stored -> (B, M, T)
            torch.from_numpy(mel_lengths),
            torch.from_numpy(voices[:, 0]),
            torch.from_numpy(wrong[:, 0]),
        )

    def _of_another_person(self, row: int, random: np.random.Generator) -> int:
        """Draw a person, and an utterance of theirs; the row itself if there is no other person."""
        n_speakers = len(self._utterances_of)
        if n_speakers < 2:
            return row
        person = (self._speakers[row] + random.integers(1, n_speakers)) % n_speakers
        return int(random.choice(self._utterances_of[person]))


def _embedding_dim(embeddings: Path) -> int:
    """E of a table of embeddings; 0 of an empty one."""
    return next((len(row["embedding"]) for row in tables.iter_rows(embeddings, ["embedding"], batch_rows=1)), 0)


def _side_by_side(corpus: Path, mels: Path, embeddings: Path) -> Iterator[tuple[dict[str, Any], ...]]:
    texts = tables.iter_rows(corpus, ["utterance_id", "corpus", "normalized_text"])
    frames = tables.iter_rows(mels, ["utterance_id", "speaker_id", "split", "mel"])
    voices = tables.iter_rows(embeddings, ["utterance_id", "embedding"])
    for rows in zip(texts, frames, voices, strict=True):
        if len({row["utterance_id"] for row in rows}) != 1:
            raise tables.TableError(
                f"{corpus}, {mels} and {embeddings} are not of the same utterances: "
                f"{' / '.join(row['utterance_id'] for row in rows)}; run `dvc repro`"
            )
        yield rows
