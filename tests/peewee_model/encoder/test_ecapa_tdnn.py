import torch
import torch.nn.functional as F

from peewee_model.encoder.config import EcapaTdnnSizes
from peewee_model.encoder.ecapa_tdnn import EcapaTdnn
from peewee_model.encoder.pooling import AttentiveStatistics, band_statistics, mean_and_deviation

SIZES = EcapaTdnnSizes(
    embedding_dim=5, window_frames=0, window_overlap=0.5, channels=8, kernel_sizes=[5, 3, 3, 3],
    dilations=[1, 2, 3, 4], stride=1, res2_scale=4, se_channels=3, mfa_channels=10, attention_channels=4,
    input_statistics=False,
)  # fmt: skip


def test_network_equals_the_paper_written_out():
    """Figure 2 with plain functions: sums of all blocks before as input, all blocks aggregated, statistics pooled."""
    torch.manual_seed(0)
    network = EcapaTdnn(6, SIZES)
    for _ in range(3):
        network(torch.randn(4, 6, 30))
    network.eval()
    weights, mel = network.state_dict(), torch.randn(2, 6, 30)

    def norm(name, values):
        of = [weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(values, *of)

    def layer(name, values, kernel=1, dilation=1):
        convolved = F.conv1d(
            values, weights[f"{name}.convolution.weight"], weights[f"{name}.convolution.bias"],
            dilation=dilation, padding=(kernel // 2) * dilation,
        )  # fmt: skip
        return norm(f"{name}.norm", F.relu(convolved))

    def linear(name, values):
        return F.linear(values, weights[f"{name}.weight"].flatten(1), weights.get(f"{name}.bias"))

    def block(index, values):
        name, dilation = f"blocks.{index}.layers", index + 2
        groups = layer(f"{name}.0", values).split(2, dim=1)
        first = groups[0]
        second = layer(f"{name}.1.layers.0", groups[1], 3, dilation)
        third = layer(f"{name}.1.layers.1", groups[2] + second, 3, dilation)
        fourth = layer(f"{name}.1.layers.2", groups[3] + third, 3, dilation)
        out = layer(f"{name}.2", torch.cat([first, second, third, fourth], dim=1))
        squeezed = F.relu(linear(f"{name}.3.squeeze", out.mean(dim=2)))
        return values + out * torch.sigmoid(linear(f"{name}.3.excite", squeezed))[:, :, None]

    start = layer("first", mel, 5)
    one = block(0, start)
    two = block(1, start + one)
    three = block(2, start + one + two)
    frames = F.relu(linear("aggregation", torch.cat([one, two, three], dim=1).transpose(1, 2)))  # (B, T, C)
    whole = torch.cat([frames.mean(dim=1), frames.var(dim=1, correction=0).clamp(min=1e-5).sqrt()], dim=1)
    hidden = linear("pooling.frame", frames) + linear("pooling.context", whole)[:, None]
    attention = linear("pooling.score", torch.tanh(hidden)).softmax(dim=1)
    mean = (attention * frames).sum(dim=1)
    deviation = ((attention * frames**2).sum(dim=1) - mean**2).clamp(min=1e-5).sqrt()
    pooled = norm("pooled_norm", torch.cat([mean, deviation], dim=1))
    expected = norm("embedding_norm", linear("projection", pooled))
    torch.testing.assert_close(network(mel), expected, atol=1e-4, rtol=1e-4)


def test_statistics_of_known_values():
    """1, 2, 3, 6: mean 3, variance 3.5; weighed to the last two: mean 4.5, deviation 1.5."""
    values = torch.tensor([[[1.0, 2.0, 3.0, 6.0]]])
    mean, deviation = mean_and_deviation(values)
    assert (mean.item(), round(deviation.item() ** 2, 5)) == (3.0, 3.5)
    mean, deviation = mean_and_deviation(values, torch.tensor([[[0.0, 0.0, 0.5, 0.5]]]))
    assert (mean.item(), deviation.item()) == (4.5, 1.5)


def test_attention_of_equal_frames_is_even():
    """Where every frame is alike, the attention can't prefer one: the mean is the frame, the deviation the floor."""
    torch.manual_seed(0)
    frame = torch.randn(2, 6, 1)
    mean, deviation = AttentiveStatistics(6, 3)(frame.expand(2, 6, 9)).chunk(2, dim=1)
    torch.testing.assert_close(mean, frame[:, :, 0])
    torch.testing.assert_close(deviation, torch.full((2, 6), 1e-5**0.5))


def test_band_statistics_of_known_values():
    """1, 2, 4, 5 has mean 3 and deviation 1.58; its changes 1, 2, 1 have deviation 0.471. One frame has none."""
    statistics = band_statistics(torch.tensor([[[1.0, 2.0, 4.0, 5.0]]]))
    torch.testing.assert_close(statistics, torch.tensor([[3.0, 2.5**0.5, (2 / 9) ** 0.5]]))
    torch.testing.assert_close(band_statistics(torch.tensor([[[7.0]]])), torch.tensor([[7.0, 1e-5**0.5, 1e-5**0.5]]))
