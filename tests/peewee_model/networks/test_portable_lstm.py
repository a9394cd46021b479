import pytest
import torch
from torch import nn

from peewee_model.networks import portable_lstm as lstm
from peewee_model.networks.portable_lstm import LSTM


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_it_runs_under_autocast_on_any_cpu(half):
    """Where the CPU has no such LSTM PyTorch's own stops with `could not create a primitive descriptor`."""
    torch.manual_seed(0)
    network, frames = LSTM(8, 6, batch_first=True), torch.randn(2, 5, 8)
    exact, _ = network(frames)
    with torch.autocast("cpu", dtype=half):
        drawn, (hidden, cell) = network(frames.to(half))
        again, _ = network(frames.to(half), (hidden, cell))
    again.float().sum().backward()
    torch.testing.assert_close(drawn.float(), exact, rtol=0, atol=0.02)
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())


def test_it_is_exact_where_the_cpu_has_no_other(monkeypatch):
    """Under autocast it computes in full precision then."""
    monkeypatch.setattr(lstm, "_has_lstm_in_half", lambda: False)
    network, frames = LSTM(8, 6, batch_first=True), torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        drawn, _ = network(frames)
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn, network(frames)[0])


def test_it_is_pytorchs():
    """Weights go from one to the other, and give the same."""
    ours, theirs, frames = LSTM(8, 6, 2), nn.LSTM(8, 6, 2), torch.randn(5, 2, 8)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours(frames)[0], theirs(frames)[0])
