"""Helpers of the converter tests: random twins of published networks, and proof that no tensor is mistaken."""

from itertools import pairwise

import pytest
import torch

from convert.source import Source


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small only wait for each other on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def randomise(module, seed=1):
    """Give every tensor of a module a value of its own, so that none may be left out or exchanged unnoticed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point() or name.endswith("pe"):
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(0.5 + noise.abs())
            elif tensor.ndim >= 2:
                tensor.copy_(noise * 1.5 / tensor[0].numel() ** 0.5)
            else:
                tensor.copy_(0.3 * noise + (1 if "norm" in name and name.endswith("weight") else 0))
    return module.eval()


def sizes_match(table, state):
    """Asserts that {name: shape} and a twin's state dict are the same, name by name."""
    theirs = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert sorted(table) == sorted(theirs)
    assert {name: tuple(shape) for name, shape in table.items()} == theirs


def exchanges(table):
    """Pairs of published names of the same shape: every name that has such a namesake appears at least once."""
    groups = {}
    for name, shape in table.items():
        groups.setdefault(tuple(shape), []).append(name)
    return [two for names in groups.values() for two in pairwise(names)]


def swapped(content, two, key="state_dict"):
    """A checkpoint's content with two tensors exchanged."""
    state = dict(content[key])
    state[two[0]], state[two[1]] = state[two[1]], state[two[0]]
    return {**content, key: state}


def source_of(content, kind):
    """A Source of a content that stands in memory."""
    return Source("twin", kind, content)
