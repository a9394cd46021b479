"""Compares the outputs of the stages, in all places of the project, with the release's record of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from peewee_model.release.manifest import Edge, FileEntry
from pipeline.audit.finding import Finding
from pipeline.audit.hashing import Digests, Item, Job
from pipeline.audit.places import Held, Place
from pipeline.release.committed import folder_hash


@dataclass
class Output:
    """One output of a stage, and the number of places that have each of its files."""

    edge: Edge
    files: Mapping[str, FileEntry]
    """The expected hash and size of each file, by path."""
    n_found: dict[str, int] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """List the files that no place has."""
        return [path for path in sorted(self.files) if not self.n_found.get(path)]


def check_output(output: Output, places: Sequence[Place], trusted: bool = True) -> Iterator[Item]:
    """List the files of an output that are to be hashed, in each place.

    Args:
        output: It counts the files that are found, while the items are processed.
        places: The places to read.
        trusted: Whether the output's own MD5 is in the release's record.
    """
    for place in places:
        held = place.files(output.edge)
        if isinstance(held, Finding):
            yield held
        elif held is not None:
            yield from _check_files(output, place, held, trusted)


def _check_files(output: Output, place: Place, held: Mapping[str, Held], trusted: bool) -> Iterator[Item]:
    md5s: dict[str, str] = {}
    for path in sorted(held.keys() | output.files.keys()):
        expected, found = output.files.get(path), held.get(path)
        if expected is None:
            yield Finding(place.name, path, "no such file", "one that no stage made")
        elif found is None:
            if place.whole or output.edge.hash.endswith(".dir"):
                yield Finding(place.name, path, f"sha256 {expected.sha256}", "no file")
        else:
            yield Job(place.name, found.source, _Conclusion(output, place, path, expected, found, md5s))
    if trusted and output.edge.hash.endswith(".dir"):
        yield Job(place.name, None, lambda _: _compare_folder(output, place, md5s))


@dataclass(frozen=True)
class _Conclusion:
    """Compares the hashes of one file."""

    output: Output
    place: Place
    path: str
    expected: FileEntry
    held: Held
    md5s: dict[str, str]

    def __call__(self, digests: Digests | None) -> Iterable[Finding]:
        name = self.place.name
        if digests is None:
            if self.place.whole:
                yield Finding(name, self.path, f"sha256 {self.expected.sha256}", "no file")
            return
        self.output.n_found[self.path] = self.output.n_found.get(self.path, 0) + 1
        self.md5s[self.path] = digests.md5
        where = self.held.where
        if digests.entry != self.expected:
            yield Finding(name, where, f"sha256 {self.expected.sha256}", f"sha256 {digests.entry.sha256}")
        elif self.held.md5 not in (None, digests.md5):
            yield Finding(name, where, f"md5 {self.held.md5}, as DVC's record", f"md5 {digests.md5}")


def _compare_folder(output: Output, place: Place, md5s: Mapping[str, str]) -> Iterable[Finding]:
    """Compare DVC's hash of a folder, whose files are all right, with the release's lineage."""
    if md5s.keys() != output.files.keys():
        return
    prefix = f"{output.edge.path}/"
    found = folder_hash({path.removeprefix(prefix): md5 for path, md5 in md5s.items()})
    if found != output.edge.hash:
        yield Finding(place.name, output.edge.path, f"md5 {output.edge.hash}, as in the lineage", f"md5 {found}")
