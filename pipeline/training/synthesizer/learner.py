"""The learner of synthesizers: batches of (tokens, mel, a voice), and measurements on unseen voices."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from peewee_model.audio.mel import MelConfig
from peewee_model.errors import ConfigError, PeeweeError
from peewee_model.synthesizer.factory import make_synthesizer
from peewee_model.synthesizer.options import ForwardOptions
from peewee_model.synthesizer.synthesizer import n_decoder_steps
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from pipeline import tables
from pipeline.alignment import alignment_figures
from pipeline.training.loop.loop import original
from pipeline.training.spoken_texts import SpokenTexts, SynthesizerBatch
from pipeline.training.synthesizer import mel_judge
from pipeline.training.synthesizer.batching import LengthBuckets
from pipeline.training.synthesizer.losses import UNITS, Output, synthesizer_losses
from pipeline.training.synthesizer.mel_judge import MelJudge
from pipeline.training.synthesizer.out_of_memory import in_parts_that_fit
from pipeline.training.synthesizer.settings import SynthesizerParams, synthesizer_config

log = logging.getLogger(__name__)

_MOST_SHORT = 0.1
"""Greatest share of recordings that may be too short for their texts; with more, the decoder's steps are too long."""


class NotAlignedError(PeeweeError):
    """The attention is not diagonal after all steps: such a model does not speak."""


class SynthesizerLearner:
    """Training of a synthesizer on known recordings, with the speaker embedding joined to the encoded text.

    Args:
        corpus: Folder of the corpus, for its texts.
        mels: Folder of the acoustic mels.
        embeddings: The table of utterance embeddings.
        params: `synthesizer` in params.yaml.
        text: `text` in params.yaml; it is saved with the model.
    """

    def __init__(self, corpus: Path, mels: Path, embeddings: Path, params: SynthesizerParams, text: TextConfig) -> None:
        mel = tables.mel_config(mels, MelConfig)
        tokenizer = Tokenizer(text)
        self._params = params
        corpora = params.training.corpora
        self._train, self._validation = (
            SpokenTexts(corpus, mels, embeddings, split, tokenizer, mel.n_mels, corpora)
            for split in ("train", "validation")
        )
        if not len(self._train) or not len(self._validation):
            wanted = f" of {', '.join(corpora)} (synthesizer.training.corpora)" if corpora else ""
            raise PeeweeError(
                f"{len(self._train)} training and {len(self._validation)} validation utterances{wanted} in {corpus}; "
                "both are needed. Raise ingest.split.validation_fraction or add speakers"
            )
        seed, budget = params.training.schedule.seed, params.training.frame_budget
        self._buckets = LengthBuckets(self._train.mels.lengths, budget, seed)
        torch.manual_seed(seed)
        self.config = synthesizer_config(mel, self._train.embeddings.width, params, text)
        model = make_synthesizer(self.config)
        if model.one_step_a_token:
            _check_steps(self._train, self.config.reduction_factor)
        model.set_mel_statistics(*map(torch.from_numpy, self._train.mels.statistics()))
        training = params.training
        self._options = ForwardOptions(frame_dropout=training.frame_dropout)
        optimizer = Adam(model.parameters(), training.learning_rate, (0.9, 0.999), 1e-6, training.weight_decay)
        self.modules: dict[str, nn.Module] = {"synthesizer": model}
        self.optimizers: dict[str, Optimizer] = {"adam": optimizer}
        # The mels decide which weights are best. The whole loss would rise earlier, because the stop prediction soon
        # becomes too certain on unseen voices. A judge moves mels, most of all the postnet's, further from the
        # recording than a blurred mel is, so with a judge `mel_after` is no measure.
        self.monitor = "mel_before" if training.adversarial.weight else "mel_after"
        self._judge, self.candidates_from = None, 0
        if training.adversarial.weight:
            self._judge = MelJudge(
                training.adversarial, self.modules, self.optimizers, self.config.speaker_embedding_dim
            )
            self.candidates_from = training.adversarial.from_step

    def batch(self, index: int) -> SynthesizerBatch:
        """Make batch `index`: utterances of similar length, each with the voice of another utterance of its speaker."""
        random = np.random.default_rng((self._params.training.schedule.seed, index))
        return self._train.batch(self._buckets.batch(index), random)

    def train_step(self, batch: SynthesizerBatch, step: int, fabric: Fabric) -> Mapping[str, Tensor]:
        """Do one step of Adam on the sum of the losses; in parts, if the batch does not fit into memory.

        The gradient of the parts is that of the whole, but for batch norm, whose statistics are then those of a part.
        """
        model, optimizer = self.modules["synthesizer"], self.optimizers["adam"]
        for group in optimizer.param_groups:
            group["lr"] = self._learning_rate(step)
        is_judged = self._judge is not None and self._judge.speaks(step)
        buffers = [buffer.clone() for buffer in model.buffers()]

        def accumulate(n_parts: int) -> dict[str, Tensor]:
            if n_parts > 1:  # reset: the failed attempt has drawn dropouts and changed running statistics
                torch.manual_seed(torch.initial_seed())
                for buffer, before in zip(model.buffers(), buffers, strict=True):
                    buffer.copy_(before)
            return self._accumulate(batch, n_parts, fabric, is_judged)

        losses = in_parts_that_fit(
            accumulate,
            len(batch.tokens),
            step=step,
            n_processes=fabric.world_size,
            remedy="synthesizer.training.frame_budget",
        )
        fabric.clip_gradients(model, optimizer, max_norm=self._params.training.gradient_clip)
        optimizer.step()
        if is_judged:
            self.optimizers[mel_judge.NAME].step()
        return losses

    def _accumulate(self, batch: SynthesizerBatch, n_parts: int, fabric: Fabric, is_judged: bool) -> dict[str, Tensor]:
        """Set the gradients to the batch's, passed in parts of like numbers of items; return its losses."""
        model = self.modules["synthesizer"]
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        if n_parts == 1:
            output = self._predict(model, batch)
            losses = self._losses(output, batch)
            if is_judged:
                losses = self._judged(losses, output.mel_after, batch, batch, fabric)
            fabric.backward(losses["loss"])
            return losses
        sums: dict[str, Tensor] = {}
        for rows in torch.arange(len(batch.tokens)).tensor_split(n_parts):
            part = batch.part(rows.to(batch.tokens.device))
            output = self._predict(model, part)
            losses = self._shares(self._losses(output, part), part, batch)
            if is_judged:
                losses = self._judged(losses, output.mel_after, part, batch, fabric)
            fabric.backward(losses["loss"])
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.detach()
        return sums

    def _judged(
        self,
        losses: dict[str, Tensor],
        mel_after: Tensor,
        part: SynthesizerBatch,
        batch: SynthesizerBatch,
        fabric: Fabric,
    ) -> dict[str, Tensor]:
        """Return a part's losses, with the judge's loss."""
        assert self._judge is not None
        asked = dict(self._judge.losses(mel_after, part, batch, fabric))
        return losses | {"loss": losses["loss"] + asked.pop("total")} | asked

    def _shares(self, losses: dict[str, Tensor], part: SynthesizerBatch, batch: SynthesizerBatch) -> dict[str, Tensor]:
        """Weigh a part's losses so that their sum over the parts is the batch's: by what each is a mean over."""
        factor = self._params.architecture.reduction_factor

        def counted(items: SynthesizerBatch) -> dict[str, Tensor]:
            steps = n_decoder_steps(items.mel_lengths, factor)
            return {"frames": items.mel_lengths.sum(), "steps": steps.sum(), "tokens": items.token_lengths.sum()}

        of_part, of_all = counted(part), counted(batch)
        parts = {name: losses[name] * of_part[unit] / of_all[unit] for name, unit in UNITS.items() if name in losses}
        return {"loss": self._params.loss.total(parts), **parts}

    def _learning_rate(self, step: int) -> float:
        training = self._params.training
        done = (step - training.decay_from) / max(1, training.schedule.steps - training.decay_from)
        return float(training.learning_rate * (training.final_learning_rate / training.learning_rate) ** max(0.0, done))

    def _predict(self, model: nn.Module, batch: SynthesizerBatch) -> Output:
        output: Output = model(
            batch.tokens,
            batch.token_lengths,
            batch.mel,
            batch.mel_lengths,
            batch.speaker_embedding if self._params.speaker_conditioning else None,
            options=self._options,
        )
        return output

    def _losses(self, output: Output, batch: SynthesizerBatch) -> dict[str, Tensor]:
        parts = synthesizer_losses(
            output,
            batch.mel,
            batch.mel_lengths,
            batch.token_lengths,
            reduction_factor=self._params.architecture.reduction_factor,
            config=self._params.loss,
        )
        return {"loss": self._params.loss.total(parts), **parts}

    def validate(self) -> Mapping[str, float]:
        """Losses under teacher forcing, and the alignments' figures, on speakers never trained on."""
        model = original(self.modules["synthesizer"])
        device = next(model.parameters()).device
        rows = np.arange(min(len(self._validation), self._params.training.n_validation))
        lengths = self._validation.mels.lengths[rows]
        buckets = LengthBuckets(lengths, self._params.training.frame_budget, seed=0)
        sums: dict[str, float] = {}
        n_seen = index = 0
        while n_seen < len(rows):
            picked = buckets.batch(index)
            batch = self._validation.batch(rows[picked], np.random.default_rng((0, index)))
            for name, value in self._measure(model, _to(batch, device)).items():
                sums[name] = sums.get(name, 0.0) + value * len(picked)
            n_seen, index = n_seen + len(picked), index + 1
        return {name: total / n_seen for name, total in sums.items()}

    def _measure(self, model: nn.Module, batch: SynthesizerBatch) -> dict[str, float]:
        output = self._predict(model, batch)
        steps = n_decoder_steps(batch.mel_lengths, self._params.architecture.reduction_factor)
        figures = [asdict(item) for item in alignment_figures(output.token_shares, steps, batch.token_lengths)]
        return {
            **{name: float(value) for name, value in self._losses(output, batch).items()},
            **{name: float(np.mean([item[name] for item in figures])) for name in figures[0]},
        }


def _check_steps(texts: SpokenTexts, reduction_factor: int) -> None:
    """Warn of recordings with fewer decoder steps than tokens, which can't be aligned.

    Raises:
        ConfigError: If there are more than `_MOST_SHORT` of them.
    """
    n_short = int((-(-texts.mels.lengths // reduction_factor) < texts.tokens.lengths).sum())
    if not n_short:
        return
    message = f"{n_short} of {len(texts)} training utterances have fewer decoder steps than symbols"
    if n_short > _MOST_SHORT * len(texts):
        raise ConfigError(f"{message}; lower synthesizer.architecture.reduction_factor or mel.acoustic.hop_length")
    log.warning("%s; they are divided evenly, and the aligner learns nothing from them", message)


def _to(batch: SynthesizerBatch, device: torch.device) -> SynthesizerBatch:
    return SynthesizerBatch(*(value.to(device) for value in batch))
