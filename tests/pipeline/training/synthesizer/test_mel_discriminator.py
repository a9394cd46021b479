import torch

from pipeline.training.synthesizer.mel_discriminator import MelDiscriminator


def test_padding_is_not_judged():
    """The distance of a mel is that of the mel in a batch with a longer one, weighed by patches."""
    judge = MelDiscriminator((4, 6, 8))
    lengths = torch.tensor([40, 13])
    mels = torch.randn(2, 20, 40).masked_fill(torch.arange(40) >= lengths[:, None, None], 0.0)
    assert judge.n_patches(lengths).tolist() == [10, 4]
    together = judge.distance(judge(mels), 0.3, lengths)
    # As far as its own patches reach: convolutions see zeros beyond the end either way.
    alone = [judge.distance(judge(mels[i : i + 1]), 0.3, lengths[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(together, (10 * alone[0] + 4 * alone[1]) / 14)
    scores = judge(mels)
    scores[1, :, 4:] = 1e6
    torch.testing.assert_close(judge.distance(scores, 0.3, lengths), together)


def test_it_learns_to_tell_a_blur_from_what_was_blurred():
    """It is what it is for."""
    torch.manual_seed(0)
    judge = MelDiscriminator((8, 16, 32))
    optimizer = torch.optim.Adam(judge.parameters(), 3e-3)
    lengths = torch.tensor([48] * 8)

    def mels():
        sharp = torch.randn(8, 16, 48)
        return sharp, torch.nn.functional.avg_pool1d(sharp, 3, 1, 1) * 3**0.5

    def distance():
        sharp, blurred = mels()
        return judge.distance(judge(sharp), 1.0, lengths) + judge.distance(judge(blurred), 0.0, lengths)

    before = float(distance().detach())
    for _ in range(60):
        optimizer.zero_grad()
        distance().backward()
        optimizer.step()
    assert float(distance().detach()) < 0.3 < before


def test_it_learns_whose_recording_it_is():
    """Each speaker's mels have their own level. It scores the level of another speaker low."""
    torch.manual_seed(0)
    judge = MelDiscriminator((8, 16, 32), speaker_embedding_dim=4)
    optimizer = torch.optim.Adam(judge.parameters(), 3e-3)
    lengths = torch.tensor([48] * 8)

    def distance():
        voices = torch.nn.functional.normalize(torch.randn(8, 4), dim=1)
        mels = torch.randn(8, 16, 48) + 3 * voices[:, :1, None]
        own, others = judge(mels, voices, -voices).chunk(2)
        return judge.distance(own, 1.0, lengths) + judge.distance(others, 0.0, lengths)

    before = float(distance().detach())
    for _ in range(150):
        optimizer.zero_grad()
        distance().backward()
        optimizer.step()
    assert float(distance().detach()) < 0.4 < before


def test_scores_as_another_person_are_of_the_first_mels():
    """They are the scores of the same mels with the other embedding."""
    judge = MelDiscriminator((4, 6, 8), speaker_embedding_dim=4)
    mels, voices = torch.randn(3, 16, 24), torch.randn(3, 4)
    scores = judge(mels, voices, voices[2:])
    torch.testing.assert_close(scores[:3], judge(mels, voices))
    torch.testing.assert_close(scores[3:], judge(mels[:1], voices[2:]))
